import CLinux
import Cryptography
import Glibc
import RoostCore
import Transport
import Wire

/// One client's connection: reads requests, has them answered one after another, writes the
/// answers.
///
/// Unchecked: it belongs to its loop's thread; whatever comes from elsewhere goes through
/// `loop.perform`. Exclusivity is unchecked too, since the checks cost a tenth of a request: no
/// access to a property spans a call that may run a handler.
final class Connection: @unchecked Sendable {
  enum Phase: UInt8 {
    /// Between requests, or within a head.
    case head
    /// Within a body that the handler gets whole.
    case receiving
    /// A handler runs, or streams its answer.
    case handling
    /// The answer is given; the rest of a small body is thrown away.
    case discarding
    /// The last answer is on its way.
    case closing
    /// Everything is sent and the client knows it; what still comes is thrown away, for closing
    /// with unread bytes would reset the connection and take the answer with it.
    case lingering
    case closed
  }

  /// What the read deadline is for.
  enum Waiting: UInt8 { case nothing, handshake, request, head, body, end }

  let descriptor: Int32
  let generation: UInt32
  /// Unowned: a loop outlives its connections, and its tasks.
  unowned(unsafe) let loop: EventLoop
  let remoteAddress: String
  /// What the client's address counts as in the loop's book; nil where it is not counted.
  let countedClient: NetworkAddress?
  /// The address of a proxy of ours, whose word about its clients is believed; nil for other clients.
  let proxy: NetworkAddress?
  let tls: TLSSession?

  @exclusivity(unchecked) var isHandshaking = false
  /// The loop has the next step of the handshake, or a further read, on its list.
  @exclusivity(unchecked) var isQueued = false
  /// The loop's turn in which `headsOfTurn` were begun.
  @exclusivity(unchecked) var turn: UInt32 = 0
  @exclusivity(unchecked) var headsOfTurn = 0
  /// TLS can read on only when the socket takes something.
  @exclusivity(unchecked) var readWaitsForWrite = false
  @exclusivity(unchecked) var phase = Phase.head
  @exclusivity(unchecked) var waiting = Waiting.nothing
  /// The client has finished sending.
  @exclusivity(unchecked) var inputEnded = false
  /// The client broke its framing: what it sends has no meaning any more.
  @exclusivity(unchecked) var ignoresInput = false
  /// The call stack is within `consume`, which goes on by itself after an answer.
  @exclusivity(unchecked) var isConsuming = false
  /// How far `consume` has come in its bytes.
  @exclusivity(unchecked) var consumed = 0
  /// The client promised to send nothing more: no need to linger.
  @exclusivity(unchecked) var closesCleanly = false
  /// The socket took less than it was given.
  @exclusivity(unchecked) var isWriteBlocked = false
  /// Bytes that a blocked socket took since its deadline was set.
  @exclusivity(unchecked) var sentWhileBlocked = 0
  @exclusivity(unchecked) var interest = EPOLLIN.rawValue
  @exclusivity(unchecked) var readDeadline = UInt32.max
  @exclusivity(unchecked) var writeDeadline = UInt32.max
  /// When the timer wheel calls, at the latest when a deadline passes; `UInt32.max` for never.
  @exclusivity(unchecked) var timerTick = UInt32.max
  @exclusivity(unchecked) var input = ByteQueue()
  @exclusivity(unchecked) var output = ByteQueue()
  /// A large body that is sent behind `output` without being copied.
  @exclusivity(unchecked) var largeBody: [UInt8] = []
  @exclusivity(unchecked) var largeBodyOffset = 0
  /// Bytes in `output` and `largeBody` that the loop's counter knows of.
  @exclusivity(unchecked) var countedOutput = 0
  /// The request that is in work.
  @exclusivity(unchecked) var exchange = Exchange()
  @exclusivity(unchecked) var decoder = BodyDecoder(length: 0)
  @exclusivity(unchecked) var task: Task<Void, Never>?

  init(
    descriptor: Int32, generation: UInt32, loop: EventLoop, remoteAddress: String,
    countedClient: NetworkAddress?, proxy: NetworkAddress?, tls: TLSSession?
  ) {
    self.descriptor = descriptor
    self.generation = generation
    self.loop = loop
    self.remoteAddress = remoteAddress
    self.countedClient = countedClient
    self.proxy = proxy
    self.tls = tls
  }

  // MARK: Events

  func opened() {
    if tls != nil {
      openedWithTLS()
      return
    }
    waitForRequest()
    armTimer()
  }

  /// Answers with `error` at once, whatever is asked.
  ///
  /// Under TLS a refusal would cost a handshake, so there the connection is closed without a word.
  func refuse(_ error: RoostError) {
    if tls != nil {
      close()
      return
    }
    exchange = Exchange()
    exchange.requestID = loop.requestIDs.next()
    fail(error)
    settle()
  }

  func handle(events: UInt32) {
    if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
      close()
      return
    }
    if isHandshaking {
      loop.queueHandshake(self)
      return
    }
    if readWaitsForWrite, events & EPOLLOUT.rawValue != 0 {
      readWaitsForWrite = false
      readable()
    }
    if events & EPOLLRDHUP.rawValue != 0, interest & EPOLLIN.rawValue == 0 { endInput() }
    if events & EPOLLOUT.rawValue != 0, phase != .closed { settle() }
    // Whoever is on the loop's list has its turn there.
    if events & EPOLLIN.rawValue != 0, phase != .closed, !isQueued { readable() }
  }

  /// Goes on after something changed: takes what waits, writes what is ready, and asks for the
  /// events that matter now.
  func settle() {
    guard !isConsuming, !isHandshaking, phase != .closed else { return }
    flush()
    while phase != .closed, !input.isEmpty, canConsume, !isTurnOver {
      guard consumeInput() > 0 else { break }
      flush()
    }
    if inputEnded, phase == .head { endInput(of: .head) }
    if phase == .closed { return }
    if input.isEmpty, input.hasStorage, let block = input.release() { loop.giveBack(block) }
    updateInterest()
    if isTurnOver, !input.isEmpty, canConsume { loop.queueRead(self) }
    armTimer()
  }

  /// Closes at once; a handler that runs is cancelled.
  func close() {
    guard phase != .closed else { return }
    phase = .closed
    countOutput(0)
    tls?.close()
    loop.remove(self)
    task?.cancel()
    task = nil
    if let block = input.release() { loop.giveBack(block) }
    if let block = output.release() { loop.giveBack(block) }
    largeBody = []
    let streaming = exchange.streaming
    exchange.pending = nil
    streaming?.close()
  }

  // MARK: Interest

  /// Whether the bytes that wait in `input` can be used now.
  var canConsume: Bool {
    switch phase {
    case .head: pendingOutput <= loop.limits.outputHighWaterBytes
    case .receiving, .discarding: true
    case .handling: ignoresInput || exchange.streaming?.wantsBody == true
    case .closing, .lingering, .closed: false
    }
  }

  private var wantsInput: Bool {
    if inputEnded { return false }
    switch phase {
    case .head: return pendingOutput <= loop.limits.outputHighWaterBytes
    case .receiving, .discarding, .lingering: return true
    case .handling:
      if let streaming = exchange.streaming, !streaming.isBodyFinished {
        return streaming.wantsBody
      }
      // Reading on tells when the client leaves; a client that sends ahead is not read for ever.
      return input.count < Connection.readAheadBytes
    case .closing, .closed: return false
    }
  }

  private func updateInterest() {
    var wanted: UInt32 = 0
    if wantsInput {
      wanted |= EPOLLIN.rawValue
    } else if phase == .handling, !inputEnded {
      wanted |= EPOLLRDHUP.rawValue
    }
    if isWriteBlocked || readWaitsForWrite { wanted |= EPOLLOUT.rawValue }
    setInterest(wanted)
    // What TLS has taken from the socket, the socket does not tell of again.
    if wantsInput, let tls, tls.mayHaveMore { loop.queueRead(self) }
  }

  func setInterest(_ wanted: UInt32) {
    guard wanted != interest else { return }
    interest = wanted
    loop.change(self, to: wanted)
  }

  // MARK: Drain

  /// The server stops: what is here is answered, and nothing new is awaited.
  func drain() {
    guard phase == .head else { return }
    if isHandshaking {
      // Its client cannot know that it comes late.
      readDeadline = min(readDeadline, loop.tick(afterSeconds: 2))
      armTimer()
      return
    }
    // A request may be in the socket, or come right behind its connection.
    readable()
    guard phase == .head, input.isEmpty, pendingOutput == 0, tls?.hasPartialRecord != true else {
      return
    }
    if exchange.isFirst {
      // Its client cannot know that it comes late, and has its first request under way.
      readDeadline = loop.tick(afterSeconds: 1)
      armTimer()
    } else {
      close()
    }
  }

  /// The drain's time is over.
  func cutOff() {
    if phase == .handling {
      task?.cancel()
    } else {
      close()
    }
  }

  static let readAheadBytes = 65_536
}

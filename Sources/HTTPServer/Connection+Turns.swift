import Cryptography
import Glibc
import RoostCore
import Transport
import Wire

extension Connection {
  /// Heads that are taken from one connection before the others have their turn.
  static let turnHeads = 16

  /// Whether this connection has had its share of the loop's turn.
  var isTurnOver: Bool { headsOfTurn >= Connection.turnHeads && turn == loop.turn }

  /// Counts a head of this turn.
  func countHead() {
    if turn != loop.turn {
      turn = loop.turn
      headsOfTurn = 0
    }
    headsOfTurn += 1
  }

  /// Goes on where the last turn ended: what was read already comes first.
  func takeTurn() {
    guard phase != .closed else { return }
    if !input.isEmpty {
      settle()
      // Without TLS the socket tells by itself what else it has; with it, the rest of a head may be
      // in a record that nobody else would read.
      guard phase != .closed, !isTurnOver, tls?.mayHaveMore == true else { return }
    }
    readable()
  }

  /// How long the last input of this connection has been there, to a few milliseconds; 0 where the
  /// kernel does not know.
  var inputAgeNanoseconds: UInt64 {
    var info = tcp_info()
    var size = socklen_t(MemoryLayout<tcp_info>.size)
    guard getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_INFO, &info, &size) == 0 else { return 0 }
    return UInt64(info.tcpi_last_data_recv) * 1_000_000
  }

  // MARK: Refusing for load

  /// The kernel acknowledges by itself what has not been answered for so long (`TCP_ATO_MIN`).
  private static let acknowledgedNanoseconds: UInt64 = 40_000_000

  /// Has the kernel acknowledge the next request with its answer again.
  ///
  /// Once it has had to acknowledge one by itself it no longer takes this for a conversation, and
  /// acknowledges the next as soon as it is read, by a packet of its own.
  private func acknowledgeWithAnswers() {
    var off: Int32 = 0
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, &off, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Answers the request whose head was read with 503 if the loop's gate refuses it; gives whether
  /// it did.
  ///
  /// Nothing is looked up, decoded or started for it: under a flood the refused must cost so little
  /// that something is left for the others.
  func isShed(
    _ method: Transport.Method, _ layout: RequestHeadLayout, _ bytes: UnsafeRawBufferPointer,
    at now: UInt64
  ) -> Bool {
    guard let gate = loop.gate else { return false }
    let arrived = loop.arrivedNanoseconds
    let start = Int(layout.pathStart)
    let path = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Int(layout.pathLength))])
    let wait = now > arrived ? now - arrived : 0
    let refusal = gate.refusal(
      method, path: path, wait: wait, at: now, isFromPage: comesFromPage(layout, bytes))
    guard let refusal else { return false }
    if wait > Connection.acknowledgedNanoseconds { acknowledgeWithAnswers() }
    // As after any answer that did not wait for the body, what is left of it is thrown away.
    if layout.hasBody {
      decoder = layout.isChunked ? .chunked : BodyDecoder(length: layout.contentLength)
      exchange.awaitsContinue = layout.expectsContinue
    }
    let id = exchange.requestID
    let keeps = canPassBody && keepsAliveAfter(refusal.response)
    writeHead(refusal.response, .length(refusal.length(requestID: id)), closes: !keeps)
    if layout.method != .head {
      output.append(refusal.beforeID)
      output.append(id)
      output.append(refusal.afterID)
    }
    finishExchange(keeps)
    return true
  }

  /// Whether a page of some origin asks: the answer may have to carry more than is prepared.
  private func comesFromPage(
    _ layout: RequestHeadLayout, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    for index in 0..<Int(layout.fieldCount)
    where Connection.isNamed("origin", loop.parser.fields[index], bytes) {
      return true
    }
    return false
  }
}

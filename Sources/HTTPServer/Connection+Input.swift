import CLinux
import Glibc
import RoostCore
import Transport
import Wire

extension Connection {
  /// Reads what the socket has, and uses it.
  func readable() {
    if isHandshaking {
      loop.queueHandshake(self)
      return
    }
    var rounds = 0
    while phase != .closed, rounds < 8 {
      rounds += 1
      if rounds > 1, !canRead || isTurnOver { break }
      // While draining everything goes through `input`, where a further head can be seen.
      let isDirect = input.isEmpty && !loop.isDraining
      let room = isDirect ? loop.scratch : input.room(16_384)
      let count: Int
      switch receive(room) {
      case .bytes(let received): count = received
      case .nothing: count = 0
      case .end:
        endInput()
        count = 0
      case .failed:
        close()
        return
      }
      if count == 0 { break }
      loop.counters.bytesIn.increase(by: count)
      if isDirect {
        let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
        let used = consume(bytes)
        if used < count, phase != .closed {
          if !input.hasStorage { input.adopt(loop.takeBlock()) }
          input.append(UnsafeRawBufferPointer(rebasing: bytes[used...]))
        }
      } else {
        let hasNewline = room.prefix(count).contains(0x0A)
        input.commit(count)
        // A head that drips in is not read again from its start for each byte of a line.
        if phase != .head || hasNewline || input.count >= loop.limits.headBytes { consumeInput() }
      }
      if !mayReceiveMore(after: count, of: room.count) { break }
    }
    settle()
  }

  private var canRead: Bool {
    switch phase {
    case .head, .receiving, .discarding: canConsume
    case .lingering: true
    case .handling: canConsume || input.count < Connection.readAheadBytes
    case .closing, .closed: false
    }
  }

  /// The client will send no more.
  func endInput() {
    guard !inputEnded, phase != .closed else { return }
    inputEnded = true
    endInput(of: phase)
  }

  /// What the end of the input means in a phase.
  func endInput(of phase: Phase) {
    // What came before is answered first, when this connection has its turn again.
    if phase == .head, isTurnOver, !input.isEmpty, canConsume { return }
    switch phase {
    case .head, .discarding:
      // Answers that are still queued are sent first.
      if pendingOutput > 0 {
        self.phase = .closing
        closesCleanly = true
      } else {
        close()
      }
    case .handling:
      // Probably it has left; a handler that answers all the same is heard.
      exchange.streaming?.failBody(CancellationError())
      task?.cancel()
    case .closing: closesCleanly = true
    case .receiving, .lingering, .closed: close()
    }
  }

  /// Uses what waits in `input`; returns how much that was.
  @discardableResult
  func consumeInput() -> Int {
    let used = consume(input.bytes)
    if phase != .closed { input.removeFirst(used) }
    return used
  }

  /// Uses as many bytes as the phase allows; returns how many.
  ///
  /// A handler may run within, and close the connection: whatever it needs of `bytes` is copied
  /// before, and they are not touched after a close.
  private func consume(_ bytes: UnsafeRawBufferPointer) -> Int {
    isConsuming = true
    defer {
      isConsuming = false
      consumed = 0
    }
    var offset = 0
    while offset < bytes.count {
      consumed = offset
      switch phase {
      case .head:
        guard pendingOutput <= loop.limits.outputHighWaterBytes || relieveOutput(), !isTurnOver
        else { return offset }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
        let used = consumeHead(rest)
        guard used > 0 else { return offset }
        offset += used
      case .receiving, .discarding:
        offset += consumeBody(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
      case .handling:
        if ignoresInput { return bytes.count }
        guard let streaming = exchange.streaming, streaming.wantsBody else { return offset }
        offset += consumeStream(UnsafeRawBufferPointer(rebasing: bytes[offset...]), streaming)
      case .closing, .lingering, .closed: return bytes.count
      }
    }
    return offset
  }

  /// Tries to get rid of queued answers in the middle of a batch of requests.
  private func relieveOutput() -> Bool {
    flush()
    return phase == .head && pendingOutput <= loop.limits.outputHighWaterBytes
  }

  /// Reads a head; returns 0 when it is not complete.
  private func consumeHead(_ bytes: UnsafeRawBufferPointer) -> Int {
    let outcome = bytes.withMemoryRebound(to: UInt8.self) { loop.parser.parse($0.span) }
    switch outcome {
    case .incomplete:
      if waiting != .head {
        waiting = .head
        readDeadline = loop.tick(afterSeconds: loop.limits.headSeconds)
      }
      return 0
    case .fault(let fault):
      loop.counters.parseErrors.increase()
      startExchange(RequestHeadLayout())
      exchange.requestID = loop.requestIDs.next()
      fail(fault.error)
      return bytes.count
    case .complete(let layout):
      consumed += layout.length
      countHead()
      begin(layout, UnsafeRawBufferPointer(rebasing: bytes[..<layout.length]))
      return layout.length
    }
  }

  func startExchange(_ layout: RequestHeadLayout) {
    exchange.layout = layout
    exchange.isFirst = false
    exchange.isStreamingAnswer = false
    exchange.isChunked = false
    exchange.keepsAlive = layout.keepsAlive
    exchange.awaitsContinue = false
    exchange.received = 0
    exchange.bodySeconds = 0
  }

  // MARK: Bodies

  /// Takes bytes of a body that is buffered or thrown away.
  private func consumeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
    var offset = 0
    while true {
      let step = bytes.withMemoryRebound(to: UInt8.self) { decoder.decode($0.span, from: offset) }
      switch step {
      case .incomplete: return bytes.count
      case .data(let range):
        offset = range.upperBound
        exchange.received += range.count
        if !keep(UnsafeRawBufferPointer(rebasing: bytes[range])) { return bytes.count }
        if decoder.isFinished {
          consumed += offset
          bodyEnded()
          return offset
        }
      case .finished(let end):
        consumed += end
        bodyEnded()
        return end
      case .fault(let fault):
        loop.counters.parseErrors.increase()
        if phase == .discarding { close() } else { fail(fault.error) }
        return bytes.count
      }
    }
  }

  /// Adds a piece to the body of the pending request; false when the connection is over.
  private func keep(_ piece: UnsafeRawBufferPointer) -> Bool {
    guard let pending = exchange.pending else {
      guard exchange.received <= Connection.discardBytes else {
        close()
        return false
      }
      return true
    }
    guard exchange.received <= pending.limit else {
      let error = Connection.tooLarge(pending.limit)
      fail(loop.application.answer(to: error, request: pending.request))
      return false
    }
    pending.body.append(contentsOf: piece)
    return true
  }

  private func bodyEnded() {
    guard let pending = exchange.pending else {
      phase = .head
      waitForRequest()
      return
    }
    exchange.pending = nil
    var request = pending.request
    // It waited for its client until now.
    request.arrivedNanoseconds = loop.arrivedNanoseconds
    request.readNanoseconds = 0
    request.body = pending.body
    dispatch(request, pending.handler)
  }

  /// Takes bytes of a body that the handler reads as it comes.
  private func consumeStream(_ bytes: UnsafeRawBufferPointer, _ streaming: StreamState) -> Int {
    var offset = 0
    while streaming.wantsBody {
      let step = bytes.withMemoryRebound(to: UInt8.self) { decoder.decode($0.span, from: offset) }
      switch step {
      case .incomplete: return bytes.count
      case .data(let range):
        offset = range.upperBound
        exchange.received += range.count
        if exchange.received > streaming.limit {
          breakStream(Connection.tooLarge(streaming.limit))
          return bytes.count
        }
        streaming.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
        if decoder.isFinished { streaming.finishBody() }
      case .finished(let end):
        streaming.finishBody()
        return end
      case .fault(let fault):
        loop.counters.parseErrors.increase()
        breakStream(fault.error)
        return bytes.count
      }
    }
    return offset
  }

  /// The streamed body cannot be read on: its reader is told, and the connection ends with the
  /// answer.
  func breakStream(_ error: RoostError) {
    ignoresInput = true
    exchange.keepsAlive = false
    waiting = .nothing
    readDeadline = .max
    exchange.streaming?.failBody(error)
  }

  static func tooLarge(_ limit: Int) -> RoostError {
    RoostError(.payloadTooLarge, "The body is larger than the \(limit) bytes that are taken here.")
  }

  /// Bytes of an unread body that are thrown away to keep a connection open.
  static let discardBytes = 65_536
}

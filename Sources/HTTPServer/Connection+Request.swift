import Glibc
import RoostCore
import Transport
import Wire

extension Connection {
  /// A head is complete: finds its route and starts its handler, or waits for its body.
  func begin(_ layout: RequestHeadLayout, _ bytes: UnsafeRawBufferPointer) {
    loop.counters.requests.increase()
    startExchange(layout)
    exchange.requestID = requestID(layout, bytes)
    guard let method = Connection.method(layout.method) else {
      fail(RoostError(.notImplemented, "This method is not known here."))
      return
    }
    if layout.hasUnknownExpectation {
      fail(RoostError(.expectationFailed, "The only expectation understood is 100-continue."))
      return
    }
    let now = loop.gate == nil ? 0 : loop.ambient.time.monotonicNanoseconds()
    if isShed(method, layout, bytes, at: now) { return }
    let path = text(bytes, layout.pathStart, layout.pathLength)
    let route = loop.application.route(method, path.isEmpty ? "/" : path)
    let (address, isSecure) = client(bytes, layout)
    var request = Request(
      method: method, path: path.isEmpty ? "/" : path,
      query: layout.hasQuery ? text(bytes, layout.queryStart, layout.queryLength) : nil,
      requestID: exchange.requestID, remoteAddress: address, isSecure: isSecure,
      head: ReceivedHead(bytes, loop.parser.fields, fieldCount: Int(layout.fieldCount)),
      parameters: route.parameters)
    request.arrivedNanoseconds = loop.arrivedNanoseconds
    request.readNanoseconds = now
    guard layout.hasBody else {
      if case .streamed = route.body { request.bodyStream = EmptyBody() }
      dispatch(request, route.handler)
      return
    }
    beginBody(request, route)
  }

  private func beginBody(_ request: Request, _ route: RoutedHandler) {
    let layout = exchange.layout
    let limit =
      switch route.body {
      case .buffered(let limit), .streamed(let limit): limit
      }
    decoder = layout.isChunked ? .chunked : BodyDecoder(length: layout.contentLength)
    if layout.contentLength > limit {
      // Before the body is asked for, so that nobody sends it in vain.
      exchange.awaitsContinue = layout.expectsContinue
      fail(loop.application.answer(to: Connection.tooLarge(limit), request: request))
      return
    }
    exchange.awaitsContinue = layout.expectsContinue
    waitForBody()
    switch route.body {
    case .buffered:
      let pending = PendingRequest(request: request, handler: route.handler, limit: limit)
      pending.body.reserveCapacity(min(max(0, layout.contentLength), 1_048_576))
      exchange.pending = pending
      phase = .receiving
      sendContinue()
    case .streamed:
      let streaming = StreamState(limit: limit, hasBody: true)
      exchange.streaming = streaming
      var request = request
      request.bodyStream = ConnectionBodyReader(
        connection: self, state: streaming, loop: loop)
      dispatch(request, route.handler)
    }
  }

  /// Runs the handler in a task on this loop, at once; it may finish before this returns.
  func dispatch(_ request: Request, _ handler: @escaping Handler) {
    if exchange.pending == nil, exchange.streaming == nil {
      waiting = .nothing
      readDeadline = .max
    }
    phase = .handling
    loop.runningTasks += 1
    loop.counters.activeRequests.increase()
    let started = Task.immediate(executorPreference: loop) { [self] in
      let response: Response
      do {
        response = try await handler(request)
      } catch {
        response = answer(to: error, requestID: request.requestID)
      }
      if case .stream(let produce) = response.body {
        await stream(response, produce)
      } else {
        complete(response)
      }
      taskEnded()
    }
    // The next request starts only after this returns: what is handled now is this one.
    if phase == .handling {
      task = started
    } else if phase == .closed {
      started.cancel()
    }
  }

  private func taskEnded() {
    loop.runningTasks -= 1
    loop.counters.activeRequests.increase(by: -1)
  }

  private func answer(to error: any Error, requestID: String) -> Response {
    if error is CancellationError {
      // The client left, and nobody reads this; or a drain ran out of time.
      return loop.application.answer(
        to: RoostError(
          .draining, "The server is shutting down; try again soon.", retryAfterSeconds: 1),
        requestID: requestID)
    }
    return loop.application.answer(to: error, requestID: requestID)
  }

  /// The handler has answered.
  private func complete(_ response: Response) {
    guard phase == .handling else { return }
    if inputEnded, task?.isCancelled == true, response.status == ErrorCode.draining.status {
      close()
      return
    }
    respond(response)
    settle()
  }

  /// Writes a whole answer and goes on to what comes next.
  func respond(_ response: Response) {
    var body: [UInt8] = []
    if case .bytes(let bytes) = response.body { body = bytes }
    let keeps = canPassBody && keepsAliveAfter(response)
    let status = writeHead(response, .length(body.count), closes: !keeps)
    if exchange.layout.method != .head, status != 204, status != 304 { write(body) }
    finishExchange(keeps)
  }

  /// Answers with a problem document and closes, for the rest of the input cannot be trusted or is
  /// not wanted.
  func fail(_ error: RoostError) {
    fail(loop.application.answer(to: error, requestID: exchange.requestID))
  }

  /// The same with an answer that is made already.
  func fail(_ response: Response) {
    exchange.keepsAlive = false
    ignoresInput = true
    respond(response)
  }

  /// The answer is written, or queued: back to the start, or towards the end.
  func finishExchange(_ keeps: Bool) {
    task = nil
    exchange.pending = nil
    exchange.streaming?.close()
    exchange.streaming = nil
    if !keeps {
      phase = .closing
      waiting = .nothing
      readDeadline = .max
      closesCleanly =
        inputEnded
        || (!exchange.layout.keepsAlive && !ignoresInput && input.isEmpty && decoder.isFinished)
    } else if decoder.isFinished {
      phase = .head
      waitForRequest()
    } else {
      phase = .discarding
      exchange.received = 0
      waitForBody()
    }
  }

  /// Whether what is left of the request's body can be got out of the way of the next request.
  var canPassBody: Bool {
    if decoder.isFinished { return true }
    // A client that waits for `100 Continue` may send its body or not: nobody knows.
    if exchange.awaitsContinue || ignoresInput { return false }
    return decoder.remainingLength.map { $0 <= Connection.discardBytes } ?? true
  }

  /// Whether the next request can come on this connection, as far as the body allows.
  func keepsAliveAfter(_ response: Response) -> Bool {
    guard exchange.keepsAlive, !ignoresInput else { return false }
    if !response.headers.fields.isEmpty, let option = response.headers["connection"],
      option.lowercased() == "close"
    {
      return false
    }
    if loop.isDraining { return hasFurtherHead }
    return true
  }

  /// Whether a whole head waits behind the request in work.
  private var hasFurtherHead: Bool {
    guard decoder.isFinished, !input.isEmpty else { return false }
    let bytes = UnsafeRawBufferPointer(rebasing: input.bytes[min(consumed, input.count)...])
    let outcome = bytes.withMemoryRebound(to: UInt8.self) { loop.parser.parse($0.span) }
    if case .complete = outcome { return true }
    return false
  }

  /// Tells a client that waits for it to send its body.
  func sendContinue() {
    guard exchange.awaitsContinue else { return }
    exchange.awaitsContinue = false
    // Earlier answers come first.
    if !largeBody.isEmpty { absorbLargeBody() }
    output.append("HTTP/1.1 100 Continue\r\n\r\n")
  }

  private func requestID(_ layout: RequestHeadLayout, _ bytes: UnsafeRawBufferPointer) -> String {
    if layout.requestIDField != .max {
      let field = loop.parser.fields[Int(layout.requestIDField)]
      let start = Int(field.valueStart)
      let value = UnsafeRawBufferPointer(
        rebasing: bytes[start..<(start + Int(field.valueLength))])
      if RequestIDSource.isWellFormed(value) { return String(decoding: value, as: UTF8.self) }
    }
    return loop.requestIDs.next()
  }

  /// The client's address, and whether its connection is TLS: what this connection shows, or what a
  /// proxy of ours says.
  private func client(
    _ bytes: UnsafeRawBufferPointer, _ layout: RequestHeadLayout
  ) -> (address: String, isSecure: Bool) {
    guard let proxy else { return (remoteAddress, tls != nil) }
    let forwarding = loop.forwarding
    var values: [String] = []
    var scheme: String?
    for index in 0..<Int(layout.fieldCount) {
      let field = loop.parser.fields[index]
      if Connection.isNamed(forwarding.field.name, field, bytes) {
        values.append(text(bytes, field.valueStart, field.valueLength))
      } else if Connection.isNamed("x-forwarded-proto", field, bytes) {
        scheme = text(bytes, field.valueStart, field.valueLength)
      }
    }
    let client = forwarding.client(behind: proxy, values, scheme: scheme)
    let address = client.address == proxy ? remoteAddress : client.address.text
    return (address, client.isSecure || tls != nil)
  }

  static func isNamed(
    _ name: StaticString, _ field: FieldReference, _ bytes: UnsafeRawBufferPointer
  ) -> Bool {
    guard Int(field.nameLength) == name.utf8CodeUnitCount, let base = bytes.baseAddress else {
      return false
    }
    return strncasecmp(
      (base + Int(field.nameStart)).assumingMemoryBound(to: CChar.self),
      UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
      name.utf8CodeUnitCount) == 0
  }

  private func text(_ bytes: UnsafeRawBufferPointer, _ start: UInt16, _ count: UInt16) -> String {
    let start = Int(start)
    return String(
      decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + Int(count))]),
      as: UTF8.self)
  }

  private static func method(_ token: MethodToken) -> Transport.Method? {
    switch token {
    case .get: .get
    case .head: .head
    case .post: .post
    case .put: .put
    case .patch: .patch
    case .delete: .delete
    case .options: .options
    case .other: nil
    }
  }
}

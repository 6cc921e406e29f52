import HTTPClient
import RoostCore
import Testing

@testable import RoostServer

@Suite("The line to a function")
struct FunctionLineTests {
  private func message(_ number: UInt64) -> FunctionLine.Message {
    FunctionLine.Message(
      .action, operation: UUID(high: 1, low: number), attempt: 1, body: Array("{}".utf8))
  }

  /// The failure of a call, whether it was made or not.
  private func failure(_ line: FunctionLine, _ number: UInt64) async -> FunctionFailure? {
    do throws(FunctionFailure) {
      guard case .failure(let failure) = try await line.call(message(number)).answer else {
        return nil
      }
      return failure
    } catch {
      return error
    }
  }

  @Test("A function has its own places: one call too many is put off, and is no failure")
  func places() async throws {
    let gate = ThreadGate()
    try await FunctionHouse.with([
      "charge": "on: action\nconcurrency: 1", "total": "on: action\nconcurrency: 1",
    ]) { call in
      if call.path == "/charge" { gate.wait() }
      return FunctionServer.Answer()
    } _: { house, server in
      defer { gate.open() }
      let line = try #require(house.functions.line(named: "charge"))
      let other = try #require(house.functions.line(named: "total"))
      async let first = failure(line, 1)
      try await house.until { server.calls.count == 1 }
      for number in 2..<30 {
        let refused = await failure(line, UInt64(number))
        #expect(refused?.untriedMilliseconds == 1000)
        #expect(refused?.error(of: "charge").code == .functionUnavailable)
      }
      #expect(line.breakerState.state == .closed)
      #expect(line.figures.postponed == 28)
      // Another one is not held up, and the place comes back.
      #expect(await failure(other, 1) == nil)
      gate.open()
      #expect(await first == nil)
      #expect(await failure(line, 30) == nil)
      #expect(server.calls.map(\.path) == ["/charge", "/total", "/charge"])
    }
  }

  @Test("There is a thread for each call that may be under way, within bounds")
  func threads() async throws {
    try await FunctionHouse.with([
      "charge": "on: action\nconcurrency: 20", "total": "on: action\nconcurrency: 9",
    ]) { _ in
      FunctionServer.Answer()
    } _: { house, _ in
      #expect(AppFunctions.threads(.empty) == 8)
      #expect(house.functions.lines.map(\.function.concurrency).reduce(0, +) == 29)
    }
  }

  @Test(
    "Where answers are signed a no is too",
    arguments: [(true, false), (true, true), (false, false)])
  func refusals(requires: Bool, signs: Bool) async throws {
    let signer = try #require(FunctionSigner([Secret(FunctionHouse.key)]))
    let body = #"{"message": "no"}"#
    try await FunctionHouse.with(["charge": "on: action\nsignedAnswers: \(requires)"]) { call in
      var answer = FunctionServer.Answer(status: 403, body: body)
      if signs {
        let seconds = SystemTime().now().milliseconds / 1000
        answer.headers = [
          "webhook-id": call.id, "webhook-timestamp": "\(seconds)",
          "webhook-signature": signer.signatures(
            id: call.id, seconds: seconds, body: Array(body.utf8)),
        ]
      }
      return answer
    } _: { house, _ in
      let line = try #require(house.functions.line(named: "charge"))
      let found = await failure(line, 1)?.error(of: "charge").code
      #expect(found == (requires && !signs ? .functionFailed : .forbidden))
    }
  }

  @Test("A function that fails has no room for calls while it is left alone")
  func room() async throws {
    try await FunctionHouse.with(["charge": "on: action\nconcurrency: 3"]) { _ in
      FunctionServer.Answer(status: 500)
    } _: { house, server in
      let line = try #require(house.functions.line(named: "charge"))
      for number in 1...9 {
        _ = await failure(line, UInt64(number))
        #expect(line.room == 3)
        try line.checkBreaker()
      }
      _ = await failure(line, 10)
      #expect(line.room == 0)
      #expect(throws: FunctionFailure.self) { try line.checkBreaker() }
      #expect(await failure(line, 11)?.untriedMilliseconds != nil)
      #expect(server.calls.count == 10)
    }
  }
}

import Glibc
import RoostCore
import Synchronization
import Testing

@testable import HTTPClient

@Suite("Requests to other servers")
struct OutgoingClientTests {
  private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Word:  a b \r\n\r\n{}"

  private func client(
    loopback: Bool = true,
    _ names: (@Sendable (String) -> Result<[IPAddress], OutgoingFailure>)? = nil
  ) -> OutgoingClient {
    OutgoingClient(
      AddressGuard(allowsLoopback: loopback), time: SystemTime(), threads: 2, lookUp: names)
  }

  private func request(
    _ server: CannedServer, host: String = "127.0.0.1", path: String = "/x"
  ) throws -> OutgoingRequest {
    OutgoingRequest(
      "POST", try OutgoingURL("http://\(host):\(server.port)\(path)"),
      headers: [("Content-Type", "application/json"), ("X-Own", "1")], body: Array("{\"a\":1}".utf8)
    )
  }

  private func failure(
    _ client: OutgoingClient, _ request: OutgoingRequest
  ) async -> OutgoingFailure? {
    do {
      _ = try await client.send(request)
      return nil
    } catch {
      return error
    }
  }

  @Test("A request arrives whole, and its answer too")
  func goes() async throws {
    let server = try CannedServer([Self.good])
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    let answer = try await client.send(request(server))
    #expect(answer.status == 200)
    #expect(answer.header("x-word") == "a b")
    #expect(answer.body == Array("{}".utf8))
    let sent = try #require(server.requests.first)
    #expect(sent.hasPrefix("POST /x HTTP/1.1\r\n"))
    #expect(sent.contains("X-Own: 1\r\n"))
    #expect(sent.hasSuffix("\r\n\r\n{\"a\":1}"))
    #expect(!sent.lowercased().contains("expect:"))
    #expect(!sent.lowercased().contains("accept-encoding"))
  }

  @Test("A status that is no redirect is an answer", arguments: [204, 304, 400, 404, 500, 503])
  func statuses(_ status: Int) async throws {
    let server = try CannedServer(["HTTP/1.1 \(status) Word\r\nContent-Length: 0\r\n\r\n"])
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    #expect(try await client.send(request(server)).status == status)
  }

  @Test("A redirect is not followed, and named", arguments: [301, 302, 303, 307, 308])
  func redirects(_ status: Int) async throws {
    let server = try CannedServer([
      "HTTP/1.1 \(status) Moved\r\nLocation: http://169.254.169.254/latest?token=1\r\n"
        + "Content-Length: 0\r\n\r\n"
    ])
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    let found = await failure(client, try request(server))
    #expect(found?.kind == .redirected)
    #expect(found?.reason.contains("http://169.254.169.254/latest:") == true)
    #expect(found?.reason.contains("token") == false)
    #expect(found?.isPassing == false)
    #expect(server.requests.count == 1)
  }

  @Test(
    "What goes wrong has a name",
    arguments: [
      // More than the bound, with and without saying so beforehand.
      (
        "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + String(repeating: "x", count: 2000),
        OutgoingFailure.Kind.tooLarge
      ),
      ("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 2000), .tooLarge),
      ("HTTP/1.1 200 OK\r\n" + String(repeating: "X-A: b\r\n", count: 10_000) + "\r\n", .tooLarge),
      ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", .brokenOff),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", .brokenOff),
      ("", .brokenOff), ("SSH-2.0-OpenSSH_9.2\r\n", .brokenOff),
    ])
  func faults(_ answer: String, _ kind: OutgoingFailure.Kind) async throws {
    let server = try CannedServer([answer])
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    var request = try request(server)
    request.answerBytes = 1000
    let found = await failure(client, request)
    #expect(found?.kind == kind, "\(found?.reason ?? "an answer")")
  }

  @Test("An answer of just the bound is taken")
  func bound() async throws {
    let body = String(repeating: "x", count: 1000)
    let server = try CannedServer(["HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\(body)"])
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    var request = try request(server)
    request.answerBytes = 1000
    #expect(try await client.send(request).body.count == 1000)
  }

  @Test("An answer that drips in is not waited for beyond the time")
  func late() async throws {
    let drops =
      ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"] + Array(repeating: "x", count: 100)
    let server = try CannedServer(drops, pauseMilliseconds: 50)
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    var request = try request(server)
    request.timeoutMilliseconds = 2500
    let found = await failure(client, request)
    #expect(found?.kind == .timedOut)
    #expect(found?.reason.contains("2500 ms") == true)
  }

  @Test("A port where nobody listens cannot be reached")
  func unreachable() async throws {
    let server = try CannedServer([Self.good])
    let request = try request(server)
    server.stop()
    let client = client()
    defer { client.stop() }
    var found = await failure(client, request)
    for _ in 0..<100 where found == nil { found = await failure(client, request) }
    #expect(found?.kind == .unreachable || found?.kind == .brokenOff)
  }

  @Test(
    "This machine is not called where that is not allowed",
    arguments: [
      "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]",
      "0.0.0.0",
    ])
  func guarded(_ host: String) async throws {
    let server = try CannedServer([Self.good])
    defer { server.stop() }
    let client = client(loopback: false)
    defer { client.stop() }
    let found = await failure(client, try request(server, host: host))
    #expect(found?.kind == .refusedAddress, "\(found?.reason ?? "an answer")")
    #expect(server.requests.isEmpty)
  }

  @Test("A name that leads to one inner address among public ones is refused")
  func mixed() async throws {
    let server = try CannedServer([Self.good])
    defer { server.stop() }
    let addresses = ["93.184.216.34", "10.0.0.7"].compactMap { IPAddress($0) }
    let client = client { _ in .success(addresses) }
    defer { client.stop() }
    let found = await failure(client, try request(server, host: "inner.example"))
    #expect(found?.kind == .refusedAddress)
    #expect(found?.reason.contains("inner.example leads to 10.0.0.7") == true)
  }

  @Test("A connection goes to the address that was checked, whatever the name says later")
  func pinned() async throws {
    let server = try CannedServer([Self.good])
    defer { server.stop() }
    let address = try #require(IPAddress("127.0.0.1"))
    let client = client { _ in .success([address]) }
    defer { client.stop() }
    // The system knows no such name, so nothing but the checked address can have been used.
    let answer = try await client.send(request(server, host: "nowhere.invalid"))
    #expect(answer.status == 200)
    #expect(server.requests.first?.contains("Host: nowhere.invalid") == true)
  }

  @Test("A name without an address is said to have none")
  func unresolved() async throws {
    let client = client()
    defer { client.stop() }
    let found = await failure(
      client, OutgoingRequest("POST", try OutgoingURL("https://nowhere.invalid/")))
    #expect(found?.kind == .unresolved)
  }

  @Test("Whoever no longer waits has the request given up")
  func cancelled() async throws {
    let server = try CannedServer(["", "late"], pauseMilliseconds: 600_000)
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    let request = try request(server)
    let waiting = Task { await failure(client, request) }
    while server.requests.isEmpty { try await Task.sleep(nanoseconds: 5_000_000) }
    waiting.cancel()
    #expect(await waiting.value?.kind == .cancelled)
  }

  @Test("A connection is used once, so that no second answer is taken for that of another request")
  func usesConnectionsOnce() async throws {
    let other = "HTTP/1.1 500 Other\r\nContent-Length: 0\r\n\r\n"
    let server = try CannedServer([Self.good + other], keeps: true)
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    for _ in 0..<5 { #expect(try await client.send(request(server)).status == 200) }
    #expect(server.requests.count == 5)
    #expect(server.connections == 5)
  }

  @Test("A request that finds no thread says nothing of its server, and does not wait for ever")
  func notBegun() async throws {
    let server = try CannedServer(["", "late"], pauseMilliseconds: 600_000)
    defer { server.stop() }
    let client = client()
    defer { client.stop() }
    var request = try request(server)
    request.timeoutMilliseconds = 600_000
    let slow = request
    let others = [Task { await failure(client, slow) }, Task { await failure(client, slow) }]
    while server.requests.count < 2 { try await Task.sleep(nanoseconds: 5_000_000) }
    request.timeoutMilliseconds = 100
    let found = await failure(client, request)
    #expect(found?.kind == .overloaded)
    #expect(found?.outcome == .neutral)
    #expect(server.requests.count == 2)
    // One that had a thread and got no answer does say something.
    for other in others { other.cancel() }
    for other in others { #expect(await other.value?.kind == .cancelled) }
    request.timeoutMilliseconds = 2500
    #expect(await failure(client, request)?.kind == .timedOut)
  }

  @Test("A name whose lookup was never begun says nothing of it; one that was begun is late")
  func lookups() async throws {
    let gate = LookupGate()
    let resolver = Resolver(threads: 1) { _ in
      gate.wait()
      return .success([])
    }
    defer { resolver.stop() }
    async let late = resolver.addresses(of: "slow.example", within: 200_000_000)
    while !gate.isEntered { try await Task.sleep(nanoseconds: 1_000_000) }
    let never = await resolver.addresses(of: "other.example", within: 20_000_000)
    #expect(LookupGate.kind(never) == .overloaded)
    #expect(LookupGate.kind(await late) == .timedOut)
    gate.open()
  }
}

/// Holds a lookup until it is opened.
private final class LookupGate: Sendable {
  private let state = Mutex((isEntered: false, isOpen: false))

  var isEntered: Bool { state.withLock { $0.isEntered } }
  func open() { state.withLock { $0.isOpen = true } }

  func wait() {
    state.withLock { $0.isEntered = true }
    for _ in 0..<600_000 where !state.withLock({ $0.isOpen }) { usleep(1000) }
  }

  static func kind(_ result: Result<[IPAddress], OutgoingFailure>) -> OutgoingFailure.Kind? {
    if case .failure(let failure) = result { failure.kind } else { nil }
  }
}

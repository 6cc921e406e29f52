import Foundation
import Glibc
import Jobs
import Queries
import Records
import RoostCore
import RoostServer
import Schema
import Synchronization
import TestEngine

/// A server on a free port of the loopback address that answers each call as it is told to.
final class FunctionServer: Sendable {
  struct Call: Sendable {
    let path: String
    let id: String
    let body: JSON
  }

  struct Answer: Sendable {
    var status = 200
    var body = "{}"
    var headers: [String: String] = [:]
  }

  let port: Int
  private let listener: Int32
  private let received = Mutex<[Call]>([])

  init(_ answer: @escaping @Sendable (Call) -> Answer) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let port = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { general -> UInt16? in
        guard bind(listener, general, length) == 0, listen(listener, 64) == 0,
          getsockname(listener, general, &length) == 0
        else { return nil }
        return UnsafeRawPointer(general).load(as: sockaddr_in.self).sin_port.bigEndian
      }
    }
    guard let port else { throw POSIXError(.EADDRINUSE) }
    self.port = Int(port)
    Thread.detachNewThread { [self] in serve(answer) }
  }

  var calls: [Call] { received.withLock { $0 } }

  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  private func serve(_ answer: @escaping @Sendable (Call) -> Answer) {
    while true {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else {
        close(listener)
        return
      }
      Thread.detachNewThread { [self] in
        if let call = FunctionServer.read(connection) {
          received.withLock { $0.append(call) }
          let answer = answer(call)
          var text =
            "HTTP/1.1 \(answer.status) Word\r\nContent-Length: \(answer.body.utf8.count)\r\n"
          text += "Content-Type: application/json\r\n"
          for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
          let bytes = Array((text + "\r\n" + answer.body).utf8)
          _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
        close(connection)
      }
    }
  }

  private static func read(_ connection: Int32) -> Call? {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      text += String(decoding: buffer[0..<count], as: UTF8.self)
      guard let end = text.range(of: "\r\n\r\n") else { continue }
      let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
      func header(_ name: String) -> String? {
        lines.first { $0.lowercased().hasPrefix(name + ": ") }.map {
          String($0.dropFirst(name.count + 2))
        }
      }
      let body = text[end.upperBound...]
      guard let length = header("content-length").flatMap({ Int($0) }), body.utf8.count >= length
      else { continue }
      guard let json = try? JSON.parse(Array(body.utf8)) else { return nil }
      let path = lines[0].split(separator: " ")[1]
      return Call(path: String(path), id: header("webhook-id") ?? "", body: json)
    }
  }
}

/// Holds threads until it is opened.
final class ThreadGate: Sendable {
  private let isOpen = Atomic<Bool>(false)

  func open() { isOpen.store(true, ordering: .releasing) }

  /// Waits with a generous bound, after which a test has failed anyway.
  func wait() {
    for _ in 0..<30_000 where !isOpen.load(ordering: .acquiring) { usleep(1000) }
  }
}

/// The functions of an app at work, over a server that the test answers for.
final class FunctionHouse: Sendable {
  static let key = "a key that is just a text of 24 bytes"
  static let schema = """
    enum Role @roles { steward }
    type Booking @collection @allow(ops: [ALL]) { title: String }
    extend type Mutation {
      charge(amount: Int!): Boolean! @action
      total: Int! @action
      book: Booking! @action
    }
    """

  let folder: TemporaryFolder
  let functions: AppFunctions
  let app: App

  /// `lines` are what each function has beside its URL and its key, by its name.
  init(
    _ server: FunctionServer, _ lines: [String: String], schema text: String = schema
  ) async throws {
    folder = try TemporaryFolder()
    var yaml = "functions:\n  allowLoopback: true\n"
    for (name, more) in lines.sorted(by: { $0.key < $1.key }) {
      yaml += "  \(name):\n    url: http://127.0.0.1:\(server.port)/\(name)\n    secrets: env:KEY\n"
      for line in more.split(separator: "\n") { yaml += "    \(line)\n" }
    }
    var environment = TestEngine.environment
    environment["KEY"] = Self.key
    let settings = try Settings(
      file: ("app/roost.yaml", Array(yaml.utf8)), environment: environment,
      flags: TestEngine.flags(folder.path).merging(["database.minimumFreeMegabytes": "0"]) { $1 })
    let schema = try SchemaModel.load(source: text)
    let ambient = Ambient(logger: Logger(level: .error))
    functions = AppFunctions(try FunctionBook(settings, schema, isDevelopment: true), ambient)
    var extensions = AppExtensions()
    try functions.extend(&extensions)
    app = try await App.open(
      schema, data: folder.path + "/data", settings: settings, ambient: ambient,
      extensions: extensions, functions: functions)
  }

  static func with(
    _ lines: [String: String], schema: String = schema,
    answer: @escaping @Sendable (FunctionServer.Call) -> FunctionServer.Answer,
    _ body: (FunctionHouse, FunctionServer) async throws -> Void
  ) async throws {
    let server = try FunctionServer(answer)
    defer { server.stop() }
    let house = try await FunctionHouse(server, lines, schema: schema)
    do {
      try await body(house, server)
    } catch {
      await house.close()
      throw error
    }
    await house.close()
  }

  func close() async {
    await app.close()
    TestEngine.remove(folder.path)
  }

  func create(_ title: String) async throws {
    guard let bookings = app.records.catalogue.collection(named: "bookings") else { return }
    _ = try await app.records.create(bookings, ["title": .string(title)], by: .system)
  }

  func runs() async throws -> [FunctionRun] {
    try await app.database.read(.statement) { reader in
      try await FunctionRuns.list(of: nil, limit: 100, in: reader)
    }
  }

  /// Waits until `condition` holds, with a generous bound.
  func until(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<3000 {
      if try await condition() { return }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    throw Timeout()
  }

  struct Timeout: Error {}
}

import Glibc

/// A blocking socket that speaks bytes, with bounds on how long it waits.
///
/// Unchecked: one thread may send while another receives, which share the descriptor alone.
final class TestClient: @unchecked Sendable {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  struct Answer {
    var status = 0
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    var text: String { String(decoding: body, as: UTF8.self) }

    subscript(name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  let descriptor: Int32
  private var buffer: [UInt8] = []
  private var start = 0

  init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var one: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else {
      let error = errno
      Glibc.close(descriptor)
      throw Failure(description: "connect: \(String(cString: strerror(error)))")
    }
  }

  /// The client's end of a pair of sockets.
  init(descriptor: Int32) { self.descriptor = descriptor }

  private var isOpen = true

  func close() {
    if isOpen { Glibc.close(descriptor) }
    isOpen = false
  }

  /// Closes with a reset.
  func abort() {
    var value = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  deinit { close() }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    guard try trySend(bytes, milliseconds: 120_000) == bytes.count else {
      throw Failure(description: "the server took not all")
    }
  }

  /// Sends until the socket takes no more for a while; returns how much went.
  func trySend(_ bytes: [UInt8], milliseconds: Int32) throws -> Int {
    var sent = 0
    while sent < bytes.count {
      var poller = pollfd(descriptor: descriptor, POLLOUT)
      guard poll(&poller, 1, milliseconds) > 0 else { return sent }
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(
          descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent,
          Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count < 0 {
        if errno == EAGAIN { continue }
        throw Failure(description: "send: \(String(cString: strerror(errno)))")
      }
      sent += count
    }
    return sent
  }

  /// Reads more; false at the end of the stream.
  private func fill(_ milliseconds: Int32 = 120_000) throws -> Bool {
    var poller = pollfd(descriptor: descriptor, POLLIN)
    guard poll(&poller, 1, milliseconds) > 0 else { throw Failure(description: "no answer") }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count < 0 { throw Failure(description: "recv: \(String(cString: strerror(errno)))") }
    buffer += chunk[..<count]
    return count > 0
  }

  private func line() throws -> String {
    while true {
      if let end = buffer[start...].firstIndex(of: 0x0A) {
        defer { start = end + 1 }
        return String(decoding: buffer[start..<end].filter { $0 != 0x0D }, as: UTF8.self)
      }
      guard try fill() else { throw Failure(description: "the stream ended in a line") }
    }
  }

  private func take(_ count: Int) throws -> [UInt8] {
    while buffer.count - start < count {
      guard try fill() else { throw Failure(description: "the stream ended in a body") }
    }
    defer { start += count }
    return Array(buffer[start..<(start + count)])
  }

  /// Reads the rest of the stream.
  func readToEnd() throws -> [UInt8] {
    while try fill() {}
    defer { start = buffer.count }
    return Array(buffer[start...])
  }

  /// Whether the server closes, after nothing more.
  func isClosedByServer() throws -> Bool { try readToEnd().isEmpty }

  /// Reads an answer; `isHead` where it has no body whatever its length says.
  func receive(isHead: Bool = false) throws -> Answer {
    if start > 1_000_000 {
      buffer.removeFirst(start)
      start = 0
    }
    var answer = Answer()
    let statusLine = try line().split(separator: " ", maxSplits: 2)
    guard statusLine.count >= 2, statusLine[0] == "HTTP/1.1", let status = Int(statusLine[1])
    else { throw Failure(description: "no status line: \(statusLine)") }
    answer.status = status
    while true {
      let field = try line()
      if field.isEmpty { break }
      guard let colon = field.firstIndex(of: ":") else {
        throw Failure(description: "no field: \(field)")
      }
      let value = field[field.index(after: colon)...].drop { $0 == " " }
      answer.headers.append((String(field[..<colon]), String(value)))
    }
    if isHead || status == 204 || status == 304 || status < 200 { return answer }
    if answer["transfer-encoding"] == "chunked" {
      while true {
        guard let size = Int(try line(), radix: 16) else {
          throw Failure(description: "no chunk size")
        }
        answer.body += try take(size)
        _ = try line()
        if size == 0 { return answer }
      }
    }
    if let length = answer["content-length"].flatMap({ Int($0) }) {
      answer.body = try take(length)
    } else {
      answer.body = try readToEnd()
    }
    return answer
  }

  func get(_ path: String, _ fields: String = "") throws -> Answer {
    try send("GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    return try receive()
  }

  func post(_ path: String, _ body: String, _ fields: String = "") throws -> Answer {
    let length = "Content-Length: \(body.utf8.count)\r\n"
    try send("POST \(path) HTTP/1.1\r\nHost: a\r\n\(length)\(fields)\r\n\(body)")
    return try receive()
  }
}

extension pollfd {
  init(descriptor: Int32, _ events: Int32) {
    self.init(fd: descriptor, events: Int16(events), revents: 0)
  }
}

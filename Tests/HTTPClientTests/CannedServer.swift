import Foundation
import Glibc
import Synchronization

/// A server on a free port of the loopback address that sends the same bytes to everybody.
final class CannedServer: Sendable {
  let port: Int
  private let listener: Int32
  private let received = Mutex<[String]>([])
  private let accepted = Mutex(0)

  /// Answers every request with `pieces`, a pause between two of them, and closes the connection
  /// unless `keeps`.
  init(_ pieces: [String], pauseMilliseconds: Int = 0, keeps: Bool = false) throws {
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
    Thread.detachNewThread { [self] in serve(pieces, pauseMilliseconds, keeps) }
  }

  var requests: [String] { received.withLock { $0 } }

  var connections: Int { accepted.withLock { $0 } }

  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  private func serve(_ pieces: [String], _ pause: Int, _ keeps: Bool) {
    while true {
      let connection = accept(listener, nil, nil)
      guard connection >= 0 else {
        close(listener)
        return
      }
      accepted.withLock { $0 += 1 }
      Thread.detachNewThread { [self] in
        repeat {
          guard let request = CannedServer.read(connection) else { break }
          received.withLock { $0.append(request) }
          for (index, piece) in pieces.enumerated() {
            if index > 0, pause > 0 { usleep(UInt32(pause) * 1000) }
            let bytes = Array(piece.utf8)
            if send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) < 0 { break }
          }
        } while keeps
        close(connection)
      }
    }
  }

  /// A request with its body, if that has a Content-Length.
  private static func read(_ connection: Int32) -> String? {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      text += String(decoding: buffer[..<count], as: UTF8.self)
      guard let end = text.range(of: "\r\n\r\n") else { continue }
      let head = text[..<end.lowerBound].lowercased()
      let length =
        head.components(separatedBy: "content-length: ").dropFirst().first
        .flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
      if text[end.upperBound...].utf8.count >= length { return text }
    }
  }
}

import Glibc

/// How much a log line matters.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
  case debug, info, notice, warning, error

  package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

  package var name: String {
    switch self {
    case .debug: "debug"
    case .info: "info"
    case .notice: "notice"
    case .warning: "warning"
    case .error: "error"
    }
  }

  package init?(name: String) {
    guard let level = LogLevel.allCases.first(where: { $0.name == name }) else { return nil }
    self = level
  }
}

/// Where finished log lines go.
package protocol LogSink: Sendable {
  /// Writes one line; `line` ends with a newline.
  func write(_ line: [UInt8])
}

/// Standard error: a whole line in one `write`, so that lines of several threads do not mix.
package struct StandardErrorSink: LogSink {
  package init() {}

  package func write(_ line: [UInt8]) {
    line.withUnsafeBytes { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(2, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
        if count < 0 {
          if errno == EINTR { continue }
          return
        }
        offset += count
      }
    }
  }
}

/// Structured logs: a constant message with typed metadata, as JSON Lines or as text for people.
package struct Logger: Sendable {
  package enum Format: String, Sendable { case json, text }

  package let level: LogLevel
  private let format: Format
  private let sink: any LogSink
  private let time: any TimeSource
  private let bound: [(String, JSON)]

  package init(
    level: LogLevel = .info, format: Format = .json, sink: any LogSink = StandardErrorSink(),
    time: any TimeSource = SystemTime(), bound: [(String, JSON)] = []
  ) {
    self.level = level
    self.format = format
    self.sink = sink
    self.time = time
    self.bound = bound
  }

  /// A logger that adds `key` to each of its lines, such as a request's id.
  package func binding(_ key: String, _ value: JSON) -> Logger {
    Logger(level: level, format: format, sink: sink, time: time, bound: bound + [(key, value)])
  }

  package func isEnabled(_ level: LogLevel) -> Bool { level >= self.level }

  /// Writes a line if `level` is enabled; `message` is constant, what varies is metadata.
  package func log(_ level: LogLevel, _ message: StaticString, _ metadata: [(String, JSON)] = []) {
    guard isEnabled(level) else { return }
    var json = JSONWriter()
    switch format {
    case .json:
      json.beginObject()
      json.key("time")
      json.timestamp(time.now())
      json.key("level")
      json.string(level.name)
      json.key("message")
      json.string("\(message)")
      for (key, value) in bound + metadata {
        json.key(key)
        json.value(value)
      }
      json.endObject()
      json.newline()
      sink.write(json.bytes)
    case .text:
      var line = "\(time.now()) \(level.name) \(message)"
      for (key, value) in bound + metadata { line += " \(key)=\(value.text)" }
      sink.write(Array((line + "\n").utf8))
    }
  }

  package func debug(_ message: StaticString, _ metadata: [(String, JSON)] = []) {
    log(.debug, message, metadata)
  }
  package func info(_ message: StaticString, _ metadata: [(String, JSON)] = []) {
    log(.info, message, metadata)
  }
  package func notice(_ message: StaticString, _ metadata: [(String, JSON)] = []) {
    log(.notice, message, metadata)
  }
  package func warning(_ message: StaticString, _ metadata: [(String, JSON)] = []) {
    log(.warning, message, metadata)
  }
  package func error(_ message: StaticString, _ metadata: [(String, JSON)] = []) {
    log(.error, message, metadata)
  }
}

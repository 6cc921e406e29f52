import Glibc

/// Writes to the program's two outputs, whole lines at a time.
enum Console {
  /// To standard output: what the command was asked for.
  static func print(_ line: String) { write(1, line + "\n") }

  /// To standard error: everything else.
  static func note(_ line: String) { write(2, line + "\n") }

  private static func write(_ descriptor: Int32, _ text: String) {
    var text = text
    text.withUTF8 { buffer in
      var offset = 0
      while offset < buffer.count {
        let count = Glibc.write(
          descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset)
        if count < 0, errno != EINTR { return }
        offset += max(count, 0)
      }
    }
  }
}

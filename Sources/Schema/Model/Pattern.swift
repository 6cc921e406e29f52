import CRE2

/// A compiled regular expression in RE2's syntax, which matches in time linear in the text.
package final class Pattern: Sendable {
  package let source: String
  // RE2's const operations are safe from several threads.
  nonisolated(unsafe) private let compiled: OpaquePointer

  /// Why a pattern does not compile.
  package struct SyntaxError: Error, Sendable {
    package let reason: String
  }

  package init(_ source: String) throws(SyntaxError) {
    var reason = [CChar](repeating: 0, count: 200)
    var text = source
    let compiled = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        roost_re2_compile($0.baseAddress, $0.count, &reason, reason.count)
      }
    }
    guard let compiled else {
      let bytes = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw SyntaxError(reason: String(decoding: bytes, as: UTF8.self))
    }
    self.source = source
    self.compiled = compiled
  }

  deinit { roost_re2_free(compiled) }

  /// Whether some part of `text` matches; anchor with `^` and `$` for the whole.
  package func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        roost_re2_matches(compiled, $0.baseAddress, $0.count) == 1
      }
    }
  }
}

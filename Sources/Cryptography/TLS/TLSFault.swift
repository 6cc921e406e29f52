import COpenSSL

/// Why a certificate, a key or a setting of TLS cannot be used; says what to do, and holds no secret.
package struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }

  /// OpenSSL's words about its latest failure on this thread, which are forgotten then.
  static func reason() -> String {
    var text = InlineArray<160, CChar>(repeating: 0)
    var span = text.mutableSpan
    return span.withUnsafeMutableBufferPointer { buffer in
      roost_tls_take_error(buffer.baseAddress, buffer.count)
      let bytes = UnsafeRawBufferPointer(buffer).prefix { $0 != 0 }
      return bytes.isEmpty ? "no reason is given" : String(decoding: bytes, as: UTF8.self)
    }
  }
}

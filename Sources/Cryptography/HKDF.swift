/// Keys made of another key, one for each use (RFC 5869, with SHA-256).
package enum HKDF {
  /// 32 bytes for the use that `info` names.
  package static func key(from secret: [UInt8], salt: [UInt8], info: String) -> [UInt8] {
    let extracted = HMACKey(salt).code(for: secret)
    return HMACKey(extracted).code(for: Array(info.utf8) + [1])
  }
}

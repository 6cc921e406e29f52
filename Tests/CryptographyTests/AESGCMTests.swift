import Cryptography
import Testing

@Suite("AES-256-GCM and HKDF")
struct AESGCMTests {
  /// McGrew and Viega, The Galois/Counter Mode of Operation, test case 16.
  private let key = AESGCMTests.bytes(
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
  private let nonce = AESGCMTests.bytes("cafebabefacedbaddecaf888")
  private let context = AESGCMTests.bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2")
  private let plain = AESGCMTests.bytes(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
  private let sealed = AESGCMTests.bytes(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      + "76fc6ece0f4e1768cddf8853bb2d551b")

  private static func bytes(_ text: String) -> [UInt8] { Hex.decode(text) ?? [] }

  @Test("the published case is sealed and opened")
  func published() throws {
    let cipher = try #require(AESGCM(key: key))
    #expect(cipher.seal(plain, nonce: nonce, context: context) == sealed)
    #expect(cipher.open(sealed, nonce: nonce, context: context) == plain)
  }

  @Test("nothing is sealed and opened")
  func empty() throws {
    let cipher = try #require(AESGCM(key: key))
    let sealed = cipher.seal([], nonce: nonce, context: [])
    #expect(sealed.count == AESGCM.tagBytes)
    #expect(cipher.open(sealed, nonce: nonce, context: []) == [])
  }

  @Test("a bit of anything that is another one is refused")
  func changed() throws {
    let cipher = try #require(AESGCM(key: key))
    for index in sealed.indices {
      var other = sealed
      other[index] ^= 1
      #expect(cipher.open(other, nonce: nonce, context: context) == nil)
    }
    var nonce = nonce
    nonce[11] ^= 1
    #expect(cipher.open(sealed, nonce: nonce, context: context) == nil)
    #expect(cipher.open(sealed, nonce: self.nonce, context: []) == nil)
    #expect(cipher.open(Array(sealed.dropLast()), nonce: self.nonce, context: context) == nil)
    #expect(cipher.open([], nonce: self.nonce, context: context) == nil)
  }

  @Test("a key has 32 bytes", arguments: [0, 16, 31, 33])
  func keys(count: Int) { #expect(AESGCM(key: [UInt8](repeating: 1, count: count)) == nil) }

  /// RFC 5869, A.3.
  @Test("the published key is derived")
  func derived() {
    let key = HKDF.key(from: [UInt8](repeating: 0x0B, count: 22), salt: [], info: "")
    #expect(
      Hex.encode(key) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
  }
}

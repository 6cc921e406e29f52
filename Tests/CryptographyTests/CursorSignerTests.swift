import Testing

@testable import Cryptography

@Suite struct CursorSignerTests {
  private let signer = CursorSigner(key: HMACKey([UInt8](repeating: 7, count: 32)))

  @Test func aCursorComesBackForItsOwnPurposeOnly() {
    for payload in [[], [0], Array("2026-01-31".utf8)] as [[UInt8]] {
      let text = signer.sign(payload, purpose: "list:concerts")
      #expect(signer.verify(text, purpose: "list:concerts") == payload)
      #expect(signer.verify(text, purpose: "list:concert") == nil)
      #expect(signer.verify(text, purpose: "") == nil)
    }
  }

  @Test func purposeAndPayloadCannotBeShifted() {
    let text = signer.sign(Array("bc".utf8), purpose: "a")
    let bytes = Base64.decode(text) ?? []
    let shifted = Base64.encode(Array("c".utf8) + bytes.suffix(16))
    #expect(signer.verify(shifted, purpose: "ab") == nil)
  }

  @Test func everyFlippedBitIsNoticed() throws {
    let bytes = try #require(Base64.decode(signer.sign([1, 2, 3], purpose: "p")))
    #expect(bytes.count == 19)
    for bit in 0..<bytes.count * 8 {
      var altered = bytes
      altered[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(signer.verify(Base64.encode(altered), purpose: "p") == nil)
    }
  }

  @Test func anotherKeyAndMalformedTextAreRefused() {
    let other = CursorSigner(key: HMACKey([UInt8](repeating: 8, count: 32)))
    #expect(signer.verify(other.sign([1], purpose: "p"), purpose: "p") == nil)
    let long = signer.sign([UInt8](repeating: 0, count: 4000), purpose: "p")
    for text in ["", "AAAA", "not base64!", signer.sign([1], purpose: "p") + "=", long] {
      #expect(signer.verify(text, purpose: "p") == nil)
    }
  }
}

import Testing

@testable import Cryptography

@Suite struct EncodingTests {
  /// The test vectors of RFC 4648, without their padding.
  @Test(arguments: [
    ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
    ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
  ])
  func base64GivesThePublishedTexts(_ plain: String, _ text: String) {
    for alphabet in [Base64.Alphabet.url, .standard] {
      #expect(Base64.encode(Array(plain.utf8), alphabet) == text)
      #expect(Base64.decode(text, alphabet) == Array(plain.utf8))
    }
  }

  @Test func theAlphabetsDifferInTwoCharacters() {
    let bytes: [UInt8] = [0xFB, 0xEF, 0xFF]
    #expect(Base64.encode(bytes, .url) == "--__")
    #expect(Base64.encode(bytes, .standard) == "++//")
    #expect(Base64.decode("--__", .standard) == nil)
    #expect(Base64.decode("++//", .url) == nil)
  }

  @Test func everyByteComesBack() {
    for count in 0..<260 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
      #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }
  }

  @Test(arguments: ["Zg==", "Z", "Zm9vY", "Zg ", "Z\ng", "Zh", "Zm9", "Zm8=", "Zé", "Z.g"])
  func base64RefusesWhatNoEncoderWrites(_ text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func hexReadsBothCasesAndRefusesTheRest() {
    #expect(Hex.decode("00ffAb") == [0, 255, 171])
    #expect(Hex.decode("") == [])
    for text in ["0", "0g", "0x00", " 00", "00 "] { #expect(Hex.decode(text) == nil) }
  }
}

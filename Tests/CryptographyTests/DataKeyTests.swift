import RoostCore
import Testing

@testable import Cryptography

/// Bytes that count up, so that keys and nonces are known.
private struct Counting: RandomSource {
  func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index) }
  }
}

@Suite struct DataKeyTests {
  private let key = DataKey.make(Counting())
  private let place = Array("a field of a row".utf8)
  private let words = Array("nobody reads this".utf8)

  @Test func aSealedTextHasItsVersionItsKeyAndNothingOfTheValue() throws {
    let text = key.seal(words, at: place, nonce: [UInt8](repeating: 7, count: 12))
    #expect(text == Golden.sealed)
    #expect(text.utf8.count == 1 + 22 + (12 + words.count + 16) * 4 / 3)
    #expect(DataKey.id(of: text[...]) == "AAECAwQFBgcICQoLDA0ODw")
    #expect(key.open(text[...], at: place) == words)
  }

  @Test func everyFlippedBitIsFound() {
    let text = key.seal(words, at: place, Counting())
    for index in text.utf8.indices {
      for bit in 0..<7 {
        var bytes = Array(text.utf8)
        bytes[text.utf8.distance(from: text.utf8.startIndex, to: index)] ^= 1 << bit
        let other = String(decoding: bytes, as: UTF8.self)
        #expect(key.open(other[...], at: place) == nil)
      }
    }
  }

  @Test func itOpensAtItsOwnPlaceAndByItsOwnKeyAlone() {
    let text = key.seal(words, at: place, Counting())
    #expect(key.open(text[...], at: Array("a field of another row".utf8)) == nil)
    #expect(DataKey.make(SystemRandom()).open(text[...], at: place) == nil)
    #expect(key.open(text[...], at: place) == words)
  }

  @Test(arguments: ["", "1", "2AAECAwQFBgcICQoLDA0ODwAAAA", "1AAECAwQFBgcICQoLDA0ODw", "1é"])
  func whatIsNoSealedTextDoesNotOpen(_ text: String) {
    #expect(key.open(text[...], at: place) == nil)
  }

  @Test func theSameValueIsNeverSealedTheSame() {
    let texts = Set((0..<100).map { _ in key.seal(words, at: place, SystemRandom()) })
    #expect(texts.count == 100)
  }

  @Test func aMasterKeyUnwrapsWhatItWrappedAndNothingElse() throws {
    let master = try #require(MasterKey([UInt8](repeating: 1, count: 32)))
    let other = try #require(MasterKey([UInt8](repeating: 2, count: 32)))
    let wrapped = master.wrap(key, nonce: [UInt8](repeating: 9, count: 12))
    #expect(wrapped == Golden.wrapped)
    #expect(wrapped.utf8.count == MasterKey.wrappedCharacters)
    #expect(master.unwrap(wrapped[...], id: key.id)?.secret == key.secret)
    #expect(other.unwrap(wrapped[...], id: key.id) == nil)
    #expect(master.unwrap(wrapped[...], id: "another id of a key...") == nil)
    for index in 0..<wrapped.utf8.count {
      var bytes = Array(wrapped.utf8)
      bytes[index] ^= 1
      let damaged = String(decoding: bytes, as: UTF8.self)
      #expect(master.unwrap(damaged[...], id: key.id) == nil)
    }
    #expect(MasterKey([1, 2, 3]) == nil)
  }

  @Test func aRingOpensWhatAFormerKeyWrapped() throws {
    let former = try #require(MasterKey([UInt8](repeating: 1, count: 32)))
    let current = try #require(MasterKey([UInt8](repeating: 2, count: 32)))
    let wrapped = former.wrap(key, nonce: [UInt8](repeating: 9, count: 12))
    let ring = MasterKeys(current, former: [former])
    #expect(ring.unwrap(wrapped[...], id: key.id)?.secret == key.secret)
    #expect(MasterKeys(current).unwrap(wrapped[...], id: key.id) == nil)
    #expect(ring[former.id] != nil)
    #expect(ring["0123456789abcdef"] == nil)
  }

  @Test func nothingOfAKeyIsPrinted() throws {
    let master = try #require(MasterKey([UInt8](repeating: 1, count: 32)))
    #expect("\(key)" == "<redacted>")
    #expect("\(master)" == "<redacted>")
  }
}

/// Texts that a change of the format would make unreadable.
private enum Golden {
  static let sealed =
    "1AAECAwQFBgcICQoLDA0ODwBwcHBwcHBwcHBwcHFdXEOu1X-9pSugZfv2TmDldtvMDBA5LDmVSCKT8ruvQm"
  static let wrapped =
    "377607e0554a9c61CQkJCQkJCQkJCQkJC0NdSKDtOaIjfE5Shmkehuat4stR"
    + "-taUmJvo-37ipXWwSjqHOlBs4CTAAE8kl7sp"
}

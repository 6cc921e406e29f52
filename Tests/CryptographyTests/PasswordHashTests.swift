import RoostCore
import Testing

@testable import Cryptography

@Suite struct PasswordHashTests {
  private let cheap = PasswordHash.Cost(memoryKB: 64, passes: 1, lanes: 1)

  /// The vectors of the reference implementation's own tests (version 0x13, Argon2id).
  @Test(arguments: [
    (
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
      "password"
    ),
    (
      "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
      "password"
    ),
    (
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
      "password"
    ),
  ])
  func thePublishedHashesMatchTheirPasswordsOnly(_ text: String, _ password: String) throws {
    let hash = try #require(PasswordHash(text))
    #expect(hash.text == text)
    #expect(try hash.matches(Array(password.utf8)))
    #expect(try !hash.matches(Array((password + "x").utf8)))
    #expect(try !hash.matches([]))
  }

  @Test func aFreshHashIsReadBackAndSaltedAnew() throws {
    let random = SystemRandom()
    let first = try PasswordHash.make([1, 2, 3], cost: cheap, random: random)
    let second = try PasswordHash.make([1, 2, 3], cost: cheap, random: random)
    #expect(first.text != second.text)
    let read = try #require(PasswordHash(first.text))
    #expect(try read.matches([1, 2, 3]))
    #expect(try !read.matches([1, 2, 4]))
  }

  @Test func theStandardCostIsWrittenAndAskedFor() throws {
    let hash = try PasswordHash.make([1], random: SystemRandom())
    #expect(hash.text.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    #expect(!hash.needsRehash(for: .standard))
    #expect(
      try PasswordHash.make([1], cost: cheap, random: SystemRandom()).needsRehash(
        for: .standard))
  }

  @Test func hashesDoNotUseTheMemoryOfTheAllocator() throws {
    let before = PasswordMemory.taken
    _ = try PasswordHash.make([1], random: SystemRandom())
    #expect(PasswordMemory.taken > before)
  }

  @Test func aBlockIsKeptForTheNextHashOnlyWhereItIsOfTheStandardCost() throws {
    let bytes = Int(PasswordHash.Cost.standard.memoryKB) * 1024
    let odd = try #require(PasswordMemory.take(65_536))
    odd.initialize(repeating: 7, count: 65_536)
    PasswordMemory.giveBack(odd, 65_536)
    let first = try #require(PasswordMemory.take(bytes))
    let second = try #require(PasswordMemory.take(bytes))
    #expect(first != second)
    first.initialize(repeating: 1, count: bytes)
    second.initialize(repeating: 2, count: bytes)
    #expect(first[bytes - 1] == 1 && second[bytes - 1] == 2)
    PasswordMemory.giveBack(first, bytes)
    PasswordMemory.giveBack(second, bytes)
  }

  @Test(arguments: [
    "", "argon2id", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    // Parameters beyond the bounds, which would take the machine's memory or time.
    "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=4294967296,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=1000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=2,p=64$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=8,t=2,p=4$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    // Other spellings of the same thing.
    "$argon2id$v=19$m=+256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=0256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=2,p=1,x=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ=$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    // A salt or a hash that is too short.
    "$argon2id$v=19$m=256,t=2,p=1$c29t$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu",
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65",
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu$",
  ])
  func anythingElseIsNoHash(_ text: String) {
    #expect(PasswordHash(text) == nil)
  }
}

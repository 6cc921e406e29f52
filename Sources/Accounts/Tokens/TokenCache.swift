import Cryptography
import Glibc
import RoostCore
import Synchronization

/// Access tokens that were verified lately, so that a request costs no signature.
///
/// Bounded, with second-chance (clock) eviction, in shards so that event loops seldom meet at a
/// lock. A hit says that the token is ours and unaltered; whether it is still valid the caller asks
/// each time.
final class TokenCache: Sendable {
  struct Entry: Sendable {
    let caller: Caller
    let sessionID: UUID
    /// The first millisecond at which the token is no longer accepted.
    let endMilliseconds: Int64
  }

  private struct Slot {
    let token: [UInt8]
    let mark: UInt64
    let entry: Entry
    var wasUsed: Bool
  }

  private struct Slots {
    var byMark: [UInt64: Int] = [:]
    var slots: [Slot] = []
    var hand = 0
  }

  private final class Shard: Sendable { let slots = Mutex(Slots()) }

  private static let shardCount = 8
  /// The text of the 32 bytes of a signature.
  private static let signatureBytes = 43
  private let shards = (0..<TokenCache.shardCount).map { _ in Shard() }
  private let shardCapacity: Int

  init(capacity: Int) { shardCapacity = max(1, capacity / TokenCache.shardCount) }

  /// The entry of exactly this token.
  func find(_ token: UnsafeRawBufferPointer) -> Entry? {
    guard let mark = TokenCache.mark(of: token) else { return nil }
    return shard(mark).slots.withLock { state in
      guard let index = state.byMark[mark] else { return nil }
      let isSame = state.slots[index].token.withUnsafeBytes { TokenCache.isSame($0, token) }
      guard isSame else { return nil }
      state.slots[index].wasUsed = true
      return state.slots[index].entry
    }
  }

  /// Remembers a token whose signature was verified.
  func insert(_ token: UnsafeRawBufferPointer, _ entry: Entry) {
    guard let mark = TokenCache.mark(of: token) else { return }
    let slot = Slot(token: Array(token), mark: mark, entry: entry, wasUsed: false)
    shard(mark).slots.withLock { state in
      if let index = state.byMark[mark] {
        state.slots[index] = slot
        return
      }
      guard state.slots.count >= shardCapacity else {
        state.byMark[mark] = state.slots.count
        state.slots.append(slot)
        return
      }
      while state.slots[state.hand].wasUsed {
        state.slots[state.hand].wasUsed = false
        state.hand = (state.hand + 1) % state.slots.count
      }
      state.byMark[state.slots[state.hand].mark] = nil
      state.byMark[mark] = state.hand
      state.slots[state.hand] = slot
      state.hand = (state.hand + 1) % state.slots.count
    }
  }

  /// The tokens that are remembered now.
  var count: Int { shards.reduce(0) { $0 + $1.slots.withLock { $0.slots.count } } }

  /// Eight characters of the signature: as good as random, since only verified tokens are kept.
  ///
  /// The last character is left out: it carries only some bits.
  private static func mark(of token: UnsafeRawBufferPointer) -> UInt64? {
    guard token.count > signatureBytes else { return nil }
    return token.loadUnaligned(fromByteOffset: token.count - 9, as: UInt64.self)
  }

  /// Whether two tokens are the same; their signatures are compared in constant time, so that the
  /// answer does not tell how much of a guessed one was right.
  ///
  /// The rest is no secret.
  private static func isSame(
    _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer
  ) -> Bool {
    guard left.count == right.count, left.count > signatureBytes,
      let leftStart = left.baseAddress, let rightStart = right.baseAddress
    else { return false }
    let rest = left.count - signatureBytes
    return memcmp(leftStart, rightStart, rest) == 0
      && ConstantTime.equal(
        UnsafeRawBufferPointer(rebasing: left[rest...]),
        UnsafeRawBufferPointer(rebasing: right[rest...]))
  }

  private func shard(_ mark: UInt64) -> Shard {
    // The low bits of several characters: those of one vary too little.
    shards[Int((mark ^ mark >> 9 ^ mark >> 18) & UInt64(TokenCache.shardCount - 1))]
  }
}

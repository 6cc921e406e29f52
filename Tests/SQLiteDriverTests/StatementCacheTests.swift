import CSQLite
import Testing

@testable import SQLiteDriver

/// Prepared statements by their text: each handle is given to one user at a time, and few are kept.
@Suite struct StatementCacheTests {
  private final class Memory {
    var handle: OpaquePointer?
    init() {
      // Whoever opens first sets the library up; afterwards it takes no settings.
      _ = SQLiteLibrary.configured
      sqlite3_open(":memory:", &handle)
    }
    deinit { sqlite3_close(handle) }

    func prepare() -> OpaquePointer? {
      var prepared: OpaquePointer?
      sqlite3_prepare_v2(handle, "SELECT 1", -1, &prepared, nil)
      return prepared
    }
  }

  @Test func `a handle that is in use is not given again and comes back to its text`() throws {
    let memory = Memory()
    var cache = StatementCache()
    let outer = try #require(memory.prepare())
    cache.put(outer, text: "a")
    let taken = ["b", "a", "a"].map { cache.take(text: $0) }
    #expect(taken == [nil, outer, nil])
    #expect(cache.count == 0)
    let inner = try #require(memory.prepare())
    cache.put(inner, text: "a")
    // One is kept for a text; the other is finalised.
    cache.put(outer, text: "a")
    #expect(cache.count == 1)
    let kept = cache.take(text: "a")
    #expect(kept == inner)
    cache.put(inner, text: "a")
    cache.dropAll()
    #expect(cache.count == 0)
    #expect(sqlite3_next_stmt(memory.handle, nil) == nil)
  }

  @Test(arguments: [0, 8191, 8192, 5_000_000])
  func `a fixed statement is found by its number, however many there were before`(
    _ number: Int
  ) throws {
    let memory = Memory()
    var cache = StatementCache()
    let first = try #require(memory.prepare())
    cache.put(first, number: number)
    // One is kept for a number; the other is finalised.
    cache.put(try #require(memory.prepare()), number: number)
    cache.put(try #require(memory.prepare()), number: number + 1)
    #expect(cache.count == 2)
    let taken = [number, number, number + 2].map { cache.take(number: $0) }
    #expect(taken == [first, nil, nil])
    #expect(cache.count == 1)
    cache.put(first, number: number)
    cache.dropAll()
    #expect(cache.count == 0)
    #expect(sqlite3_next_stmt(memory.handle, nil) == nil)
  }

  @Test(arguments: [0, 100_000])
  func `beyond the limit all fixed statements make room`(_ first: Int) throws {
    let memory = Memory()
    var cache = StatementCache()
    for number in first..<(first + 2048) {
      cache.put(try #require(memory.prepare()), number: number)
    }
    #expect(cache.count == 2048)
    cache.put(try #require(memory.prepare()), number: first + 2048)
    #expect(cache.count == 1)
    cache.dropAll()
    #expect(sqlite3_next_stmt(memory.handle, nil) == nil)
  }

  @Test func `the text that was used least recently makes room and one in use does not`() throws {
    let memory = Memory()
    var cache = StatementCache()
    for number in 0..<128 { cache.put(try #require(memory.prepare()), text: "\(number)") }
    let (used, later) = (cache.take(text: "0"), cache.take(text: "1"))
    let first = try #require(used)
    let second = try #require(later)
    cache.put(second, text: "1")
    // Room is made by text 2: text 0 is in use, and text 1 was used later.
    cache.put(try #require(memory.prepare()), text: "new")
    let kept = ["2", "1"].map { cache.take(text: $0) }
    #expect(kept == [nil, second])
    cache.put(second, text: "1")
    cache.put(first, text: "0")
    let back = cache.take(text: "0")
    #expect(back == first)
    sqlite3_finalize(first)
    #expect(cache.count == 127)
    cache.dropAll()
    #expect(sqlite3_next_stmt(memory.handle, nil) == nil)
  }
}

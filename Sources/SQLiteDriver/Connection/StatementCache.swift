import CSQLite
import Queries

/// The prepared statements of a connection.
///
/// A handle is taken out while it runs and put back afterwards, so that a statement inside itself
/// gets a second handle. Statements that are fixed in the program are found by number; texts that
/// are put together for a call by text, and the least recently used of those make room.
struct StatementCache {
  /// Fixed statements kept; beyond, all are dropped (a program has far fewer, but a schema that is
  /// loaded again and again brings new ones each time).
  private static let fixedLimit = 2048
  /// Numbers beyond are looked up, so that a process in which many were given pays for its own alone.
  private static let fixedNumbers = 8192
  private static let textLimit = 128

  private struct Entry {
    /// Nil while it runs: its place stays, so that each use looks for it once and moves nothing.
    var handle: OpaquePointer?
    var use: UInt64
  }

  private var fixed: [OpaquePointer?] = []
  private var later: [Int: OpaquePointer] = [:]
  private var fixedCount = 0
  private var texts: [String: Entry] = [:]
  /// Where the text is that was taken last, for as long as no text comes or goes: it is put back next,
  /// and to find it hashes all of it.
  private var lastTaken: (text: String, place: Dictionary<String, Entry>.Index)?
  private var uses: UInt64 = 0

  mutating func take(number: Int) -> OpaquePointer? {
    if number >= StatementCache.fixedNumbers {
      guard let handle = later.removeValue(forKey: number) else { return nil }
      fixedCount -= 1
      return handle
    }
    guard number < fixed.count, let handle = fixed[number] else { return nil }
    fixed[number] = nil
    fixedCount -= 1
    return handle
  }

  mutating func put(_ handle: OpaquePointer, number: Int) {
    if number >= StatementCache.fixedNumbers { return putLater(handle, number) }
    if number >= fixed.count {
      let grown = max(number + 1, fixed.count * 2, 64)
      fixed.append(contentsOf: repeatElement(nil, count: grown - fixed.count))
    }
    if fixed[number] != nil {
      sqlite3_finalize(handle)
      return
    }
    if fixedCount >= StatementCache.fixedLimit { dropFixed() }
    fixed[number] = handle
    fixedCount += 1
  }

  private mutating func putLater(_ handle: OpaquePointer, _ number: Int) {
    guard later[number] == nil else {
      sqlite3_finalize(handle)
      return
    }
    if fixedCount >= StatementCache.fixedLimit { dropFixed() }
    later[number] = handle
    fixedCount += 1
  }

  mutating func take(text: String) -> OpaquePointer? {
    guard let place = texts.index(forKey: text), let handle = texts.values[place].handle else {
      return nil
    }
    texts.values[place].handle = nil
    lastTaken = (text, place)
    return handle
  }

  mutating func put(_ handle: OpaquePointer, text: String) {
    uses += 1
    if let place = place(of: text) {
      if texts.values[place].handle != nil {
        sqlite3_finalize(handle)
      } else {
        texts.values[place] = Entry(handle: handle, use: uses)
      }
      return
    }
    lastTaken = nil
    if texts.count >= StatementCache.textLimit { dropOldestText() }
    texts[text] = Entry(handle: handle, use: uses)
  }

  private func place(of text: String) -> Dictionary<String, Entry>.Index? {
    if let lastTaken, lastTaken.text == text { return lastTaken.place }
    return texts.index(forKey: text)
  }

  /// The number of handles kept, for tests.
  var count: Int { fixedCount + texts.values.count { $0.handle != nil } }

  private mutating func dropOldestText() {
    let idle = texts.lazy.filter { $0.value.handle != nil }
    guard let oldest = idle.min(by: { $0.value.use < $1.value.use }) else { return }
    sqlite3_finalize(oldest.value.handle)
    texts[oldest.key] = nil
  }

  mutating func dropAll() {
    dropFixed()
    for entry in texts.values { sqlite3_finalize(entry.handle) }
    lastTaken = nil
    texts = [:]
  }

  private mutating func dropFixed() {
    for case let handle? in fixed { sqlite3_finalize(handle) }
    for index in fixed.indices { fixed[index] = nil }
    for handle in later.values { sqlite3_finalize(handle) }
    later = [:]
    fixedCount = 0
  }
}

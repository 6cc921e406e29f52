import RoostCore
import Synchronization

/// How much room the receipts of each principal take, as far as this process knows.
final class ReceiptUse: Sendable {
  struct Entry: Sendable {
    /// The bytes of the receipts.
    var bytes: Int64
    /// When the oldest was left.
    let oldest: Timestamp
    /// When this was looked up.
    let looked: Timestamp
    /// Whether something was added since.
    var isAdded = false
  }

  /// How long what was looked up is good: other processes leave receipts too, and some expire.
  private static let kept: Int64 = 60_000
  private static let limit = 10_000

  private let entries = Mutex<[String: Entry]>([:])

  /// What is known of `principal`; nil where it has to be looked up.
  ///
  /// What was only added up does not refuse anybody: parts that were taken together count twice in it.
  func of(_ principal: String, at now: Timestamp, _ bound: Int64) -> Entry? {
    guard let entry = entries.withLock({ $0[principal] }) else { return nil }
    let age = now.milliseconds - entry.looked.milliseconds
    guard (0..<ReceiptUse.kept).contains(age), !entry.isAdded || entry.bytes < bound else {
      return nil
    }
    return entry
  }

  func set(_ entry: Entry, for principal: String) {
    entries.withLock { entries in
      if entries.count >= ReceiptUse.limit { entries.removeAll() }
      entries[principal] = entry
    }
  }

  /// Counts a receipt that was left.
  func add(_ bytes: Int, to principal: String) {
    entries.withLock { entries in
      guard var entry = entries[principal] else { return }
      entry.bytes += Int64(bytes)
      entry.isAdded = true
      entries[principal] = entry
    }
  }
}

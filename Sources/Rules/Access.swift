package import Queries
import RoostCore
package import Schema

/// What one caller may do by one operation on one collection.
package struct Access: Sendable, Equatable {
  /// A rule allows it whatever the row.
  package let isUnconditional: Bool
  /// The fields that rules of the collection name as owner.
  private let owners: [Int]
  /// Bit n: a rule allows it for rows whose field `owners[n]` holds the caller.
  private let bits: UInt64
  private let uid: UUID?

  init(isUnconditional: Bool, owners: [Int], bits: UInt64, uid: UUID?) {
    self.isUnconditional = isUnconditional
    self.owners = owners
    self.bits = bits
    self.uid = uid
  }

  /// The server itself: seeds, imports and the work of followers.
  package static let system = Access(isUnconditional: true, owners: [], bits: 0, uid: nil)

  /// No row could ever be allowed.
  package var isNever: Bool { !isUnconditional && bits == 0 }

  /// What tells predicates of different text apart; equal shapes share one statement.
  package var shape: UInt64 { isUnconditional ? UInt64.max : bits }

  /// The test of a row in memory; `value` gives a field's value by its index.
  package func allows(_ value: (Int) -> FieldValue) -> Bool {
    if isUnconditional { return true }
    guard let uid else { return false }
    var rest = bits
    while rest != 0 {
      if case .uuid(uid) = value(owners[rest.trailingZeroBitCount]) { return true }
      rest &= rest - 1
    }
    return false
  }

  /// The test as a predicate on the columns of `collection`; its placeholders take `bindings`.
  package func predicate(_ collection: Collection) -> SQL {
    if isUnconditional { return "1" }
    if bits == 0 { return "0" }
    let tests = ownerIndexes.map { index -> SQL in
      "\(identifier: collection.fields[index].name) = \(SQL.placeholder)"
    }
    return tests.count == 1 ? tests[0] : "(\(tests.joined(by: " OR ")))"
  }

  /// The values of the predicate's placeholders, in order.
  package var bindings: [Value] {
    guard !isUnconditional, let uid else { return [] }
    return Array(repeating: .uuid(uid), count: bits.nonzeroBitCount)
  }

  private var ownerIndexes: [Int] {
    owners.indices.filter { bits & (1 << UInt64($0)) != 0 }.map { owners[$0] }
  }
}

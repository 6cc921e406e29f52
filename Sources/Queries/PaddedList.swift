/// Lists of placeholders in a few lengths, so that few statements serve lists of any length.
///
/// A list is filled up with its last value.
package enum PaddedList {
  /// The lengths, least first; longer lists are sent in pieces.
  package static let sizes = [1, 2, 4, 8, 16, 32, 64]
  package static let largest = 64

  /// The length that `count` values are sent in, at most `largest`; 0 for none.
  package static func size(_ count: Int) -> Int {
    count == 0 ? 0 : sizes.first { $0 >= count } ?? largest
  }

  /// `values` filled up to one of the lengths.
  package static func padded(_ values: [Value]) -> [Value] {
    guard let last = values.last else { return [] }
    return values + Array(repeating: last, count: max(0, size(values.count) - values.count))
  }

  /// The same for values of several columns.
  package static func padded(_ rows: [[Value]]) -> [[Value]] {
    guard let last = rows.last else { return [] }
    return rows + Array(repeating: last, count: max(0, size(rows.count) - rows.count))
  }

  /// So many placeholders, with commas between them.
  package static func placeholders(_ count: Int) -> SQL {
    known[count] ?? made(count)
  }

  private static let known = Dictionary(uniqueKeysWithValues: sizes.map { ($0, made($0)) })

  private static func made(_ count: Int) -> SQL {
    (0..<count).map { _ in SQL.placeholder }.joined(by: ", ")
  }
}

/// A statement with a list, made for each length and engine.
package struct PaddedStatement: Sendable {
  private let statements: [Int: DialectStatement]

  package init(_ make: (Dialect, Int) -> SQL) {
    var statements: [Int: DialectStatement] = [:]
    for size in PaddedList.sizes { statements[size] = DialectStatement { make($0, size) } }
    self.statements = statements
  }

  /// `count` is one of the lengths of `PaddedList`.
  package subscript(dialect: Dialect, count: Int) -> Statement {
    guard let statement = statements[count] else {
      preconditionFailure("there is no list of \(count)")
    }
    return statement[dialect]
  }
}

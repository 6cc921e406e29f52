import Queries
import RoostCore

/// One making of what a source derives, from nothing to its end.
///
/// A rebuild makes a new one beside the one that is shown, from the rows themselves, and then takes
/// its place: so no value is ever seen half made, and a definition that changed is nothing special.
struct DerivedGeneration: Sendable {
  enum State: Int64, Sendable {
    /// The rows that were there are taken in; nothing of it is shown.
    case gathering = 0
    /// It is shown, and whatever differs from it is brought in step.
    case showing = 1
    case live = 2
    /// Another one has its place; it is taken away in pieces.
    case retired = 3
    /// A check of which nothing is left but what it found.
    case told = 4

    /// It has parts that are kept in step.
    var isKept: Bool { rawValue < State.retired.rawValue }
  }

  let number: Int64
  let definition: String
  let state: State
  /// Compares what is shown with the rows, and changes nothing.
  let isCheck: Bool
  let after: UUID?
  let done: Int64
  let differences: Int64

  /// Whether its values are those to show.
  var isShown: Bool { !isCheck && (state == .showing || state == .live) }

  /// All there are, oldest first.
  static func all(in reader: any Reader) async throws -> [DerivedGeneration] {
    var all: [DerivedGeneration] = []
    try await reader.query(select, []) { row in
      all.append(
        DerivedGeneration(
          number: row.int64(0), definition: row.text(1),
          state: State(rawValue: row.int64(2)) ?? .retired, isCheck: row.bool(3),
          after: row.uuid(4), done: row.int64(5), differences: row.int64(6)))
      return true
    }
    return all
  }

  /// Begins a new one; returns its number.
  static func make(
    _ source: DerivedSource, _ state: State, isCheck: Bool = false, at now: Timestamp,
    in transaction: any Transaction
  ) async throws -> Int64 {
    let number = try await transaction.first(
      """
      INSERT INTO roost_derived (definition, target, state, is_check, done, differences, began_at) \
      VALUES (\(source.definition), \(source.target.name), \(state.rawValue), \
      \(Value.bool(isCheck)), 0, 0, \(now)) RETURNING number
      """
    ) { $0.int64(0) }
    guard let number else {
      throw RoostError(.internalError, "A rebuild of derived data could not be numbered.")
    }
    return number
  }

  private static let select = Statement(
    """
    SELECT number, definition, state, is_check, after, done, differences FROM roost_derived \
    ORDER BY number
    """)
}

extension DerivedSources {
  /// Brings the generations in step with the schema at a start: what it no longer says is retired,
  /// and what is new is begun.
  func reconcile(at now: Timestamp, in transaction: any Transaction) async throws {
    var there: Set<String> = []
    for generation in try await DerivedGeneration.all(in: transaction)
    where generation.state.isKept {
      if self[generation.definition] == nil {
        try await transaction.execute(
          """
          UPDATE roost_derived SET state = \(DerivedGeneration.State.retired.rawValue), after = NULL \
          WHERE number = \(generation.number)
          """)
      } else if !generation.isCheck {
        there.insert(generation.definition)
      }
    }
    for source in all where !there.contains(source.definition) {
      var isEmpty = true
      for table in [source.source.table, source.target.table] {
        try await transaction.query("SELECT 1 FROM \(table) LIMIT 1") { _ in
          isEmpty = false
          return false
        }
      }
      _ = try await DerivedGeneration.make(
        source, isEmpty ? .live : .gathering, at: now, in: transaction)
    }
  }
}

package import Queries
package import RoostCore

/// What a person answered to the invitation to sync.
package enum GateAnswer: String, Sendable, CaseIterable {
  case accepted
  case declined
  /// Ask again.
  case later
  /// They had joined, and left.
  case left
}

/// What is kept of an account at the gate.
package struct GateRow: Sendable {
  /// Since when the requirements were met; they stay met, whatever becomes of them.
  package var eligibleAt: Timestamp?
  package var answer: GateAnswer?
  package var answeredAt: Timestamp?
  /// With `later`: when to ask again.
  package var until: Timestamp?
  /// What devices said, by the name of the measure.
  package var claims: [String: Double] = [:]
  /// The copy is being removed.
  package var isLeaving = false

  package init() {}

  /// Whether devices of the account are let through.
  package var isOpen: Bool { eligibleAt != nil && answer == .accepted }

  /// Whether nothing was decided yet, by the numbers or by the person.
  var isUnasked: Bool { eligibleAt == nil && answer == nil }

  fileprivate init(_ row: any Row) {
    eligibleAt = row.isNull(0) ? nil : row.timestamp(0)
    answer = row.optionalText(1).flatMap { GateAnswer(rawValue: $0) }
    answeredAt = row.isNull(2) ? nil : row.timestamp(2)
    until = row.isNull(3) ? nil : row.timestamp(3)
    for (name, value) in (try? JSON.parse(text: row.text(4)))?.object ?? JSONObject() {
      if let number = value.double { claims[name] = number }
    }
    isLeaving = row.bool(5)
  }

  fileprivate var claimsText: String {
    var object = JSONObject()
    for (name, value) in claims.sorted(by: { $0.key < $1.key }) {
      object[name] = Progress.number(value)
    }
    return JSON.object(object).text
  }
}

/// The SQL of `roost_sync_gate`.
package enum GateTable {
  /// The step that makes the table, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "gate") { d in
      [
        """
        CREATE TABLE roost_sync_gate (
          account \(d.id) NOT NULL, eligible_at \(d.integer), answer \(d.text),
          answered_at \(d.integer), until \(d.integer), claims \(d.text) NOT NULL,
          leaving \(d.integer) NOT NULL, PRIMARY KEY (account)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_sync_gate_leaving ON roost_sync_gate (account) WHERE leaving = 1",
      ]
    }
  }

  private static let columns: SQL = "eligible_at, answer, answered_at, until, claims, leaving"

  static func row(of account: UUID, in reader: any Reader) async throws -> GateRow? {
    try await reader.first(
      "SELECT \(columns) FROM roost_sync_gate WHERE account = \(account)"
    ) { GateRow($0) }
  }

  /// Whether devices of the account are let through, which stays so until the commit.
  static func keepOpen(_ account: UUID, in transaction: any Transaction) async throws -> Bool {
    try await transaction.first(
      """
      SELECT \(columns) FROM roost_sync_gate \
      WHERE account = \(account)\(transaction.dialect.forShare)
      """
    ) { GateRow($0).isOpen } ?? false
  }

  /// The row of an account, made where there is none, and held until the commit.
  static func hold(_ account: UUID, in transaction: any Transaction) async throws -> GateRow {
    _ = try await transaction.execute(
      """
      INSERT INTO roost_sync_gate (account, claims, leaving) VALUES (\(account), \("{}"), 0) \
      ON CONFLICT DO NOTHING
      """)
    return try await transaction.first(
      """
      SELECT \(columns) FROM roost_sync_gate \
      WHERE account = \(account)\(transaction.dialect.forUpdate)
      """
    ) { GateRow($0) } ?? GateRow()
  }

  static func put(_ row: GateRow, of account: UUID, in transaction: any Transaction) async throws {
    _ = try await transaction.execute(
      """
      UPDATE roost_sync_gate SET eligible_at = \(time(row.eligibleAt)), \
      answer = \(Value.optional(row.answer?.rawValue)), answered_at = \(time(row.answeredAt)), \
      until = \(time(row.until)), claims = \(row.claimsText), \
      leaving = \(Value.bool(row.isLeaving)) WHERE account = \(account)
      """)
  }

  private static func time(_ value: Timestamp?) -> Value {
    .optional(value?.milliseconds)
  }

  /// Accounts whose copy is not removed to its end.
  static func leaving(in reader: any Reader) async throws -> [UUID] {
    try await reader.all("SELECT account FROM roost_sync_gate WHERE leaving = 1") { $0.uuid(0) }
      .compactMap { $0 }
  }

  /// How many accounts there are by answer and by whether they are eligible.
  static func counts(
    in reader: any Reader
  ) async throws -> [(answer: GateAnswer?, isEligible: Bool, count: Int64)] {
    try await reader.all(
      """
      SELECT answer, CASE WHEN eligible_at IS NULL THEN 0 ELSE 1 END, count(*) \
      FROM roost_sync_gate GROUP BY 1, 2
      """
    ) { row in
      (row.optionalText(0).flatMap { GateAnswer(rawValue: $0) }, row.bool(1), row.int64(2))
    }
  }
}

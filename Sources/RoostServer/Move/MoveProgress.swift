package import RoostCore

/// How far a move is.
package struct MoveProgress: Sendable {
  package enum Step: String, Sendable {
    case copying
    case verifying
  }

  package let step: Step
  package let table: String
  package let rows: Int
  package let total: Int
  package let seconds: Double

  /// From 0 to 1.
  package var fraction: Double { total > 0 ? min(1, Double(rows) / Double(total)) : 1 }

  package var text: String {
    let percent = Int(exactly: (fraction * 100).rounded(.down)) ?? 0
    let rate = seconds > 0 ? Int(exactly: (Double(rows) / seconds).rounded()) ?? 0 : 0
    let left = fraction > 0 ? seconds * (1 - fraction) / fraction : 0
    return "\(step.rawValue) \(table) \(percent)% \(Count.text(rows)) rows, "
      + "\(Count.text(rate))/s, \(Count.clock(left)) left"
  }
}

/// What a move came to.
package struct MoveReport: Sendable {
  package struct Table: Sendable {
    package let name: String
    package let rows: Int
    /// SHA-256 over the rows, which was the same on both sides.
    package let digest: String
  }

  package let tables: [Table]
  package let seconds: Double

  package var rows: Int { tables.reduce(0) { $0 + $1.rows } }

  package var json: JSON {
    let tables = tables.map { table -> JSON in
      [
        "name": .string(table.name), "rows": .int(Int64(table.rows)),
        "sha256": .string(table.digest),
      ]
    }
    return ["rows": .int(Int64(rows)), "seconds": .double(seconds), "tables": .array(tables)]
  }
}

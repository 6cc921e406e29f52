package import RoostCore
import Schema

/// What has to be done to bring a database to a schema, with what a look at its rows found.
package struct MigrationPlan: Sendable {
  package let steps: [MigrationStep]
  /// What keeps the plan from being carried out, whatever is allowed.
  package let faults: [MigrationFault]

  package init(steps: [MigrationStep], faults: [MigrationFault]) {
    self.steps = steps
    self.faults = faults
  }

  package var isEmpty: Bool { steps.isEmpty && faults.isEmpty }

  /// Steps that rows stand in the way of.
  package var broken: [MigrationStep] { steps.filter { $0.breaking > 0 } }

  /// What would lose data that `allowed` does not name.
  package func losses(_ allowed: Set<String>) -> [MigrationFault] {
    steps.filter { $0.kind == .destructive && !allowed.contains($0.item) }
      .map { MigrationFault("data_loss", $0.loss) }
  }

  /// The steps that rows stand in the way of, but for those whose values `allowed` leaves behind;
  /// `isAgain` for the look that is repeated at the switch.
  package func rowsInTheWay(
    _ allowed: Set<String>, isAgain: Bool = false
  ) -> [MigrationFault] {
    broken.filter { !$0.leavesValues(allowed) }.map { step in
      var text = step.inTheWay(isAgain: isAgain)
      if isAgain { text += " and apply again, which goes on from here" }
      if step.canLeaveValues {
        text += ", or leave their values behind: --allow-data-loss \(step.item)"
      }
      return MigrationFault("rows_in_the_way", text, at: step.location)
    }
  }

  package var seconds: Double { steps.reduce(0) { $0 + $1.seconds } }

  package var json: JSON {
    [
      "steps": .array(steps.map(\.json)),
      "faults": .array(
        faults.map { fault in
          var object: JSON = ["code": .string(fault.code), "message": .string(fault.message)]
          if let place = fault.location {
            object = [
              "code": .string(fault.code), "message": .string(fault.message),
              "line": .int(Int64(place.line)), "column": .int(Int64(place.column)),
            ]
          }
          return object
        }),
      "seconds": .double(seconds),
    ]
  }

  /// A line for each step, and what it takes below it.
  package var lines: [String] {
    steps.enumerated().flatMap { index, step in
      let rows = step.rows == 1 ? "1 row" : "\(step.rows) rows"
      var about = "     \(rows), \(step.lock), about \(MigrationPlan.clock(step.seconds))"
      if step.breaking > 0 { about += "; \(step.count) in the way" }
      return [
        "\(index + 1). [\(step.kind.rawValue)] \(step.text)", about, "     back: \(step.wayBack)",
      ]
    }
  }

  private static func clock(_ seconds: Double) -> String {
    if seconds < 1 { return "a moment" }
    let whole = Int(exactly: seconds.rounded(.up)) ?? 0
    return whole < 90 ? "\(whole) s" : "\((whole + 59) / 60) min"
  }
}

extension MigrationStep {
  package var json: JSON {
    [
      "step": .string(code), "kind": .string(kind.rawValue), "item": .string(item),
      "text": .string(text), "rows": .int(Int64(rows)), "breaking": .int(Int64(breaking)),
      "lock": .string(lock), "seconds": .double(seconds), "wayBack": .string(wayBack),
    ]
  }
}

/// A row that stands in the way of a step.
package struct BreakingRow: Sendable {
  package let item: String
  package let id: UUID
  package let value: JSON
  package let code: String
  package let message: String

  package var json: JSON {
    [
      "item": .string(item), "id": .string(id.description), "value": value,
      "code": .string(code), "message": .string(message),
    ]
  }
}

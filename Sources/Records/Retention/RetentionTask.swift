package import RoostCore
import Rules
package import Schema

/// One `@retention` of one collection, to be carried out in steps.
package struct RetentionTask: Sendable {
  package let collection: CompiledCollection
  /// The place of the rule among those of its collection.
  package let number: Int
  let retention: Retention

  package var declaration: RetentionRule { retention.declaration }

  /// What tells this task from others, also after the schema has changed.
  package var signature: String {
    let rule = declaration
    return "\(collection.name) \(number) \(rule.action.rawValue) \(rule.after) \(rule.duration)"
  }
}

/// How far a task is: the last row that was looked at.
package struct RetentionPlace: Sendable, Equatable {
  /// The time of that row, as it is stored.
  let time: JSON
  let id: UUID

  package var json: JSON { ["time": time, "id": .string(id.description)] }

  package init?(_ json: JSON?) {
    guard let time = json?["time"], let id = json?["id"]?.string.flatMap({ UUID($0) }) else {
      return nil
    }
    self.init(time: time, id: id)
  }

  init(time: JSON, id: UUID) {
    self.time = time
    self.id = id
  }
}

/// What one step did.
package struct RetentionStep: Sendable {
  /// Rows that were purged, anonymised or archived.
  package fileprivate(set) var rows = 0
  /// Rows that a RESTRICT relation holds, which stay.
  package fileprivate(set) var held = 0
  /// Where the next step begins; nil where all rows were looked at.
  package fileprivate(set) var place: RetentionPlace?

  init() {}

  mutating func count(isDone: Bool) { if isDone { rows += 1 } else { held += 1 } }
  mutating func end(at place: RetentionPlace?) { self.place = place }
}

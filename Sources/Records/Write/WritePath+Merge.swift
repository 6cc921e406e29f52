import RoostCore
import Rules
import Schema
import SyncProtocol

/// A field of which a device has edited a value that has changed since.
struct ContestedField: Sendable {
  let field: Int
  /// The value that stands.
  let theirs: FieldValue
  /// What the device wants.
  let mine: FieldChange.Operation
}

/// A change was made on values that have changed since, and its collection does not merge.
struct BaseMismatch: Error {
  let collection: CompiledCollection
  /// The values that stand, of the fields that the author sees.
  let theirs: [(field: Int, value: FieldValue)]
}

extension WritePath {
  /// What merging a mutation came to.
  struct MergeReport {
    var isMerged = false
    var conflicts: [ContestedField] = []
    /// Fields at which the mutation fails.
    var rejected: [Int] = []
  }

  /// Applies each operation to its field; `seen` are the members of the row that the author sees.
  func merge(
    _ mutation: Mutation, into record: inout Record, _ seen: FieldSet
  ) throws -> MergeReport {
    let collection = mutation.collection
    let tick = clock.tick()
    var report = MergeReport()
    var issues: [FieldIssue] = []
    // Whether a value is valid may hang on the other fields, which come before.
    let isLate = { (change: FieldChange) in collection.merge(change.field) == .latestValid }
    let ordered = mutation.changes.filter { !isLate($0) } + mutation.changes.filter(isLate)
    for change in ordered {
      let index = change.field
      let stored = record.values[index]
      var work = merge(change, mutation, record, tick)
      work.isBlind = !seen.contains(index)
      let (value, outcome) = work.merge(change.operation, stored, &record.clocks)
      record.values[index] = value
      switch outcome {
      case .applied: break
      // A hidden value must not tell of itself by winning.
      case .merged, .ignored: if seen.contains(index) { report.isMerged = true }
      case .conflict:
        report.conflicts.append(
          ContestedField(field: index, theirs: stored, mine: change.operation))
      case .rejected(.conflict): report.rejected.append(index)
      case .rejected(let refusal):
        issues.append(WritePath.issue(refusal, collection.fields[index].name))
      }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
    if !report.rejected.isEmpty {
      throw BaseMismatch(
        collection: collection,
        theirs: report.rejected.filter(seen.contains).map { ($0, record.values[$0]) })
    }
    record.clocks.prune(before: StoredBounds.oldestPart(at: tick))
    try StoredBounds.check(record.clocks, collection)
    return report
  }

  private static func issue(_ refusal: MergeOutcome.Refusal, _ name: String) -> FieldIssue {
    switch refusal {
    case .range, .conflict:
      FieldIssue(
        pointer: "/" + name, code: "range",
        message: "\(name) would leave the range of its type.")
    case .type:
      FieldIssue(
        pointer: "/" + name, code: "type",
        message: "This change does not fit the value that \(name) has.")
    }
  }

  /// How one change is merged into `record`.
  ///
  /// The clock of a write that is made here lies behind every clock of the row: a wall clock that was
  /// set back must not make writes lose against the past.
  private func merge(
    _ change: FieldChange, _ mutation: Mutation, _ record: Record, _ tick: HybridTime
  ) -> FieldMerge {
    let collection = mutation.collection
    let field = collection.fields[change.field]
    let number = collection.fieldNumbers[change.field]
    let stamp: FieldClock
    if let device = mutation.device {
      stamp = device.stamp
    } else {
      let past = record.clocks.latest(number)
      stamp = FieldClock(
        time: max(tick, HybridTime(rawValue: past.time.rawValue &+ 1)), client: .zero)
    }
    var merge = FieldMerge(
      field: field, rule: collection.mergeRules[change.field], number: number, stamp: stamp,
      receivedAt: mutation.time)
    if let device = mutation.device {
      merge.base = device.base[change.field].map { .stamp($0) } ?? .none
    }
    if let validity = collection.rules.validities.first(where: { $0.field == change.field }) {
      merge.accepts = { value in
        var candidate = record
        candidate.values[change.field] = value
        let evaluation = Evaluation(
          CallerFacts(.everyone, nil), candidate.image(collection), NoRelatedRows())
        return evaluation.truth(validity.expression) != false
      }
    }
    return merge
  }
}

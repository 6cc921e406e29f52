import RoostCore
import Schema
import SyncProtocol

/// The merge of one field as the protocol has it, over the values and clocks as they are stored.
///
/// The rules themselves are `MergeRule`'s, which clients have too: here is no second one.
struct FieldMerge {
  let field: Field
  let rule: MergeRule
  /// The stable number under which the field's clocks are kept.
  let number: UInt32
  /// What the edit was made on.
  var base = FieldEdit.Base.unchecked
  /// The author may not see the field.
  var isBlind = false
  let stamp: FieldClock
  let receivedAt: Timestamp
  /// Whether a LATEST_VALID field takes a value.
  var accepts: (FieldValue) -> Bool = { _ in true }

  /// What became of `operation`, and the value afterwards; `clocks` takes note of it.
  func merge(
    _ operation: FieldChange.Operation, _ stored: FieldValue, _ clocks: inout RowClocks
  ) -> (value: FieldValue, outcome: MergeOutcome) {
    let state = FieldState(
      value: stored.merged, clocks: clocks.clocks(of: number, withParts: rule.hasParts))
    var edit = FieldEdit(
      operation.merged, stamp: stamp, base: base, receivedAt: receivedAt.milliseconds)
    edit.isBlind = isBlind
    if rule.strategy == .latestValid {
      if case .set(let new) = operation { edit.newIsValid = accepts(new) }
      edit.storedIsValid = accepts(stored)
    }
    let merged = rule.suited(to: edit.operation, on: state.value).merge(edit, into: state)
    guard merged.state != state else { return (stored, merged.outcome) }
    let value = FieldValue(merged: merged.state.value, field)
    clocks.set(number, merged.state.clocks, withParts: rule.hasParts)
    return (value, merged.outcome)
  }
}

extension FieldChange.Operation {
  fileprivate var merged: FieldOperation {
    switch self {
    case .set(let value): .set(value.merged)
    case .increment(let amount): .increment(amount.merged)
    case .edit(let add, let remove): .edit(add: add, remove: remove)
    }
  }
}

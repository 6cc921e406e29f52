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
    var rule = rule
    if rule.strategy == .latestValid {
      if case .set(let new) = operation { edit.newIsValid = accepts(new) }
      edit.storedIsValid = accepts(stored)
    } else if rule.isOfObjects(operation, stored) {
      rule.elements = .objects(ObjectElements())
    }
    let merged = rule.merge(edit, into: state)
    guard merged.state != state else { return (stored, merged.outcome) }
    let value = FieldValue(merged: merged.state.value, field)
    clocks.set(number, merged.state.clocks, withParts: rule.hasParts)
    return (value, merged.outcome)
  }
}

extension MergeRule {
  /// The rule of a field under the strategy that applies to it.
  ///
  /// Bounds of a counter are its constraint's, which every value is held to.
  init(_ field: Field, _ strategy: MergeStrategy, _ options: MergeOptions) {
    var numbers = Numbers.int64
    var order = ValueOrder.natural
    switch field.type {
    case .int: numbers = .int32
    case .float: numbers = .double
    case .enumeration(_, let values): order = .declared(values)
    default: break
    }
    self.init(
      Strategy(rawValue: strategy.rawValue) ?? .lastWriteWins, numbers: numbers, order: order,
      staleAfterMilliseconds: options.staleAfter?.milliseconds)
  }

  /// Whether parts of the field have clocks of their own.
  var hasParts: Bool {
    switch strategy {
    case .mergeDeep, .setUnion, .append: true
    default: false
    }
  }

  /// Whether a set is one of objects that have an `id`, all of them: these are told apart by it.
  fileprivate func isOfObjects(
    _ operation: FieldChange.Operation, _ stored: FieldValue
  ) -> Bool {
    guard strategy == .setUnion else { return false }
    var elements: [JSON] = []
    if case .json(.array(let list)) = stored { elements += list }
    switch operation {
    case .set(.json(.array(let list))): elements += list
    case .edit(let add, let remove): elements += add + remove.filter { $0.object != nil }
    default: break
    }
    return !elements.isEmpty && elements.allSatisfy { $0["id"]?.string != nil }
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

extension FieldValue {
  /// The value as merges see it, in the form in which it is compared and stored.
  fileprivate var merged: JSON {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .uuid(let value): .string(value.description)
    case .json(let value): value
    }
  }

  /// What a merge made, as a value of `field`.
  fileprivate init(merged value: JSON, _ field: Field) {
    let isWhole =
      switch field.type {
      case .json, .geoPoint, .file: true
      default: field.isList
      }
    switch value {
    case .null: self = .null
    case _ where isWhole: self = .json(value)
    case .bool(let value): self = .bool(value)
    case .int(let value): self = field.type == .float ? .double(Double(value)) : .int(value)
    case .double(let value): self = .double(value)
    case .string(let text):
      switch field.type {
      case .reference, .user: self = UUID(text).map { .uuid($0) } ?? .null
      default: self = .text(text)
      }
    case .array, .object: self = .json(value)
    }
  }
}

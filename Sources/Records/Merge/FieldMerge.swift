import RoostCore
import Schema

/// How an operation and the stored value of a field become its new value: a pure function.
///
/// Source of the rules: the strategies of the schema language. Operations arrive here in the order in
/// which the one writer takes them; clocks decide only where an older change can arrive later.
struct FieldMerge {
  let field: Field
  let strategy: MergeStrategy
  /// The stable number under which the field's clocks are kept.
  let number: UInt32
  let clock: FieldClock

  /// Why an operation cannot be carried out.
  enum Fault: Error {
    case overflow
    case notANumber
  }

  /// The new value; `clocks` takes note of it.
  func apply(
    _ operation: FieldChange.Operation, to stored: FieldValue, _ clocks: inout RowClocks
  ) throws(Fault) -> FieldValue {
    let merged = try value(operation, stored, &clocks)
    if merged != stored { clocks.set(number, max(clock, clocks.clock(number))) }
    return merged
  }

  private func value(
    _ operation: FieldChange.Operation, _ stored: FieldValue, _ clocks: inout RowClocks
  ) throws(Fault) -> FieldValue {
    switch operation {
    case .increment(let amount): return try sum(stored, amount)
    case .edit(let add, let remove): return edited(stored, add, remove, &clocks)
    case .set(let new): return set(new, stored, &clocks)
    }
  }

  private func set(
    _ new: FieldValue, _ stored: FieldValue, _ clocks: inout RowClocks
  ) -> FieldValue {
    switch strategy {
    case .lastWriteWins:
      return clock >= clocks.clock(number) ? new : stored
    case .max: return ordered(new, stored) { $0 > $1 }
    case .min: return ordered(new, stored) { $0 < $1 }
    case .setUnion:
      guard case .json(.array(let elements)) = new, case .json(.array) = stored else { return new }
      return edited(stored, elements, [], &clocks)
    case .mergeDeep:
      guard case .json(let document) = new, case .json(let old) = stored else { return new }
      return .json(DeepMerge(number: number, clock: clock).merge(old, document, &clocks))
    case .clientWins, .serverWins, .counter, .reject, .append, .latestValid, .userChoice:
      // Through the one writer a plain value is the next one in order of arrival; what these
      // strategies do with a base that is out of date needs the base that sync brings.
      return new
    }
  }

  /// Adds to a number; null counts as 0.
  private func sum(_ stored: FieldValue, _ amount: FieldValue) throws(Fault) -> FieldValue {
    switch (stored, amount) {
    case (_, .null): throw .notANumber
    case (.null, _): return amount
    case (.int(let left), .int(let right)):
      let (sum, overflow) = left.addingReportingOverflow(right)
      if overflow { throw .overflow }
      if field.type == .int, Int32(exactly: sum) == nil { throw .overflow }
      return .int(sum)
    case (.double(let left), .double(let right)):
      guard (left + right).isFinite else { throw .overflow }
      return .double(left + right)
    default: throw .notANumber
    }
  }

  /// Adds elements that the list lacks and takes others away.
  ///
  /// For a SET_UNION each element has a clock of its own, and a removed one is remembered.
  private func edited(
    _ stored: FieldValue, _ add: [JSON], _ remove: [JSON], _ clocks: inout RowClocks
  ) -> FieldValue {
    var elements: [JSON] = []
    if case .json(.array(let old)) = stored { elements = old }
    let isSet = strategy == .setUnion
    // By their texts, so that long lists stay linear.
    var present = Set(elements.map(\.text))
    for element in add {
      let key = element.text
      if isSet, let part = clocks.part(number, key), part.isRemoved {
        guard clock >= part.clock else { continue }
        clocks.removePart(number, key)
      }
      if present.insert(key).inserted { elements.append(element) }
    }
    let gone = Set(remove.map(\.text))
    if isSet {
      for key in gone { clocks.setPart(number, key, clock, isRemoved: true) }
    }
    if !gone.isDisjoint(with: present) { elements.removeAll { gone.contains($0.text) } }
    return .json(.array(elements))
  }

  /// The value that comes first by `precedes`; enums by their declared order.
  private func ordered(
    _ new: FieldValue, _ stored: FieldValue, _ precedes: (Double, Double) -> Bool
  ) -> FieldValue {
    switch (new, stored) {
    case (.null, _): return stored
    case (_, .null): return new
    case (.int(let left), .int(let right)):
      return left == right ? stored : (precedes(left < right ? -1 : 1, 0) ? new : stored)
    case (.double(let left), .double(let right)): return precedes(left, right) ? new : stored
    case (.text(let left), .text(let right)):
      if case .enumeration(_, let values) = field.type {
        let ranks = (values.firstIndex(of: left) ?? -1, values.firstIndex(of: right) ?? -1)
        return precedes(Double(ranks.0), Double(ranks.1)) ? new : stored
      }
      return left == right ? stored : (precedes(left < right ? -1 : 1, 0) ? new : stored)
    default: return new
    }
  }
}

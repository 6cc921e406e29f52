import RoostCore
import Schema
import SyncProtocol

/// How an operation and the stored value of a field become its new value: a pure function.
///
/// Source of the rules: the strategies of the schema language. Operations arrive here in the order in
/// which the one writer takes them; clocks decide only where an older change can arrive later, and
/// bases where an edit was made on a value that may have changed since.
struct FieldMerge {
  let field: Field
  let strategy: MergeStrategy
  /// The stable number under which the field's clocks are kept.
  let number: UInt32
  let clock: FieldClock
  /// What a change by a device was made on; nil for one that is made here and now, on what is there.
  var basis: Basis?
  /// Whether a LATEST_VALID field takes a value.
  var accepts: (FieldValue) -> Bool = { _ in true }

  /// What a change by a device was made on.
  struct Basis {
    /// The stamp of the value that was edited, if it is told.
    let stamp: FieldClock?
    /// The edit lay about for longer than `staleAfter` allows.
    let isStale: Bool
  }

  /// What becomes of an operation.
  enum Outcome: Equatable {
    /// The value is as the operation wants it.
    case applied(FieldValue)
    /// All or a part of the operation gave way to what is there.
    case merged(FieldValue)
    /// The value that the edit was made on has changed: nothing of the mutation takes place.
    case rejected
    /// The same, and a person decides between the two.
    case conflict
  }

  /// Why an operation cannot be carried out.
  enum Fault: Error {
    case overflow
    case notANumber
  }

  /// What becomes of `operation`; `clocks` takes note of it.
  func outcome(
    _ operation: FieldChange.Operation, on stored: FieldValue, _ clocks: inout RowClocks
  ) throws(Fault) -> Outcome {
    if let basis, !isMadeOn(basis, clocks) {
      // Whoever wants what is there already has nothing against it.
      var trial = clocks
      if try value(operation, stored, &trial) != stored {
        switch strategy {
        case .serverWins: return .merged(stored)
        case .reject: return .rejected
        case .userChoice: return .conflict
        case .clientWins where basis.isStale: return .conflict
        default: break
        }
      }
    }
    let merged = try apply(operation, to: stored, &clocks)
    return isWhole(operation, stored, merged) ? .applied(merged) : .merged(merged)
  }

  /// The new value; `clocks` takes note of it.
  private func apply(
    _ operation: FieldChange.Operation, to stored: FieldValue, _ clocks: inout RowClocks
  ) throws(Fault) -> FieldValue {
    let merged = try value(operation, stored, &clocks)
    guard merged != stored else { return stored }
    let past = clocks.clock(number)
    var next = max(clock, past)
    if comparesBases, next == past {
      // Each value has a stamp of its own, or an edit of the one would pass for one of the other.
      next = FieldClock(
        time: HybridTime(rawValue: past.time.rawValue &+ 1), client: clock.client)
    }
    clocks.set(number, next)
    return merged
  }

  /// Whether the strategy looks at what an edit was made on.
  var comparesBases: Bool {
    switch strategy {
    case .serverWins, .reject, .userChoice, .clientWins: true
    default: false
    }
  }

  /// Whether the edit was made on the value that is there: its stamp is the one that the device saw,
  /// or the device's own.
  private func isMadeOn(_ basis: Basis, _ clocks: RowClocks) -> Bool {
    let current = clocks.clock(number)
    return basis.stamp == current || current.client == clock.client
  }

  /// Whether nothing of `operation` gave way.
  private func isWhole(
    _ operation: FieldChange.Operation, _ stored: FieldValue, _ merged: FieldValue
  ) -> Bool {
    switch operation {
    case .increment: return true
    case .edit(let add, let remove):
      guard case .json(.array(let elements)) = merged else { return true }
      let present = Set(elements.map(FieldMerge.key))
      return add.allSatisfy { present.contains(FieldMerge.key($0)) }
        && !remove.contains { present.contains(FieldMerge.key($0)) }
    case .set(let new):
      guard strategy == .mergeDeep, case .json(let patch) = new, case .json(let old) = stored else {
        return merged == new
      }
      var unhindered = RowClocks(base: FieldClock.zero)
      let whole = DeepMerge(number: number, clock: clock).merge(old, patch, &unhindered)
      return .json(whole) == merged
    }
  }

  /// What tells an element of a list from others: its `id` if it is an object that has one, else all
  /// of it.
  static func key(_ element: JSON) -> String {
    element.object?["id"].map { "id " + $0.text } ?? element.text
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
    case .latestValid:
      return clock >= clocks.clock(number) && accepts(new) ? new : stored
    case .append:
      guard case .json(.array(let elements)) = new, case .json(.array) = stored else { return new }
      return appended(elements, to: stored)
    case .max: return ordered(new, stored) { $0 > $1 }
    case .min: return ordered(new, stored) { $0 < $1 }
    case .setUnion:
      guard case .json(.array(let elements)) = new, case .json(.array) = stored else { return new }
      return edited(stored, elements, [], &clocks)
    case .mergeDeep:
      guard case .json(let document) = new, case .json(let old) = stored else { return new }
      return .json(DeepMerge(number: number, clock: clock).merge(old, document, &clocks))
    case .clientWins, .serverWins, .counter, .reject, .userChoice:
      // In order of arrival; what the edit was made on was looked at before.
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
    // What was appended stays.
    if strategy == .append { return appended(add, to: stored) }
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

  /// The elements behind those that are there, but for those that are among them by their id.
  private func appended(_ add: [JSON], to stored: FieldValue) -> FieldValue {
    var elements: [JSON] = []
    if case .json(.array(let old)) = stored { elements = old }
    var present = Set(elements.map(FieldMerge.key))
    for element in add where present.insert(FieldMerge.key(element)).inserted {
      elements.append(element)
    }
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

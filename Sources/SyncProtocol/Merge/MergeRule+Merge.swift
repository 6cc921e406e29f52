import RoostCore
import Schema

extension MergeRule {
  /// Merges an edit into what is stored: a pure function, the same on every side.
  ///
  /// The server's result is the one that counts; a client shows its own until it has that.
  package func merge(_ edit: FieldEdit, into stored: FieldState) -> Merged {
    switch strategy {
    case .lastWriteWins: lastWrite(edit, stored)
    case .clientWins: clientWins(edit, stored)
    case .serverWins, .reject, .userChoice: compared(edit, stored)
    case .mergeDeep: deep(edit, stored)
    case .max: ordered(edit, stored, isRising: true)
    case .min: ordered(edit, stored, isRising: false)
    case .counter: plain(edit, stored, bounded: true)
    case .setUnion: union(edit, stored)
    case .append: appended(edit, stored)
    case .latestValid: latestValid(edit, stored)
    }
  }

  /// All edits in their order, as one whole; refused ones change nothing.
  package func fold(_ edits: [FieldEdit], over stored: FieldState) -> FieldState {
    edits.reduce(stored) { merge($1, into: $0).state }
  }

  // MARK: One value

  private func lastWrite(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    guard case .set(let value) = edit.operation else { return plain(edit, stored) }
    guard edit.stamp >= stored.clocks.standing else {
      return Merged(state: stored, outcome: .ignored)
    }
    // The clock is noted also where the value is the same: else the result would depend on which of
    // three edits comes first.
    var state = stored
    state.value = value
    state.clocks.stamp = edit.stamp
    return Merged(state: state, outcome: .applied)
  }

  /// In order of arrival; one that waited too long does not win over what it did not see.
  private func clientWins(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    if let limit = staleAfterMilliseconds, isStale(edit, limit), !isOnStored(edit, stored) {
      return against(stored, edit, outcome: .conflict)
    }
    return plain(edit, stored)
  }

  private func isStale(_ edit: FieldEdit, _ limit: Int64) -> Bool {
    let (age, overflow) = edit.receivedAt.subtractingReportingOverflow(edit.stamp.time.milliseconds)
    return overflow || age > limit
  }

  /// SERVER_WINS, REJECT, USER_CHOICE: an edit takes place on the value that it was made on.
  private func compared(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    if isOnStored(edit, stored) { return plain(edit, stored) }
    switch strategy {
    case .reject: return against(stored, edit, outcome: .rejected(.conflict))
    case .userChoice: return against(stored, edit, outcome: .conflict)
    default: return against(stored, edit, outcome: .ignored)
    }
  }

  /// Whether the maker of the edit knew the stored value: by its stamp, or because it is their own.
  private func isOnStored(_ edit: FieldEdit, _ stored: FieldState) -> Bool {
    let standing = stored.clocks.stamp
    if standing.client == edit.stamp.client, standing.client != .zero { return true }
    switch edit.base {
    case .unchecked: return true
    case .none: return false
    case .stamp(let stamp): return stamp == standing
    }
  }

  /// What stands stays, unless both are the same and there is nothing to decide.
  private func against(
    _ stored: FieldState, _ edit: FieldEdit, outcome: MergeOutcome
  ) -> Merged {
    if !edit.isBlind, case .set(let value) = edit.operation, SameValue.test(value, stored.value) {
      return Merged(state: stored, outcome: .applied)
    }
    return Merged(state: stored, outcome: outcome)
  }

  private func latestValid(_ edit: FieldEdit, _ stored: FieldState) -> Merged {
    guard case .set(let value) = edit.operation else { return plain(edit, stored) }
    let isLater = edit.stamp >= stored.clocks.standing || !edit.storedIsValid
    guard edit.newIsValid, isLater else { return Merged(state: stored, outcome: .ignored) }
    var state = stored
    state.value = value
    state.clocks.stamp = edit.stamp
    return Merged(state: state, outcome: .applied)
  }

  /// Null never wins over a value.
  private func ordered(_ edit: FieldEdit, _ stored: FieldState, isRising: Bool) -> Merged {
    guard case .set(let value) = edit.operation else { return plain(edit, stored) }
    if value.isNull {
      return Merged(state: stored, outcome: stored.value.isNull ? .applied : .ignored)
    }
    if !stored.value.isNull, let sign = order.compare(value, stored.value) {
      if sign == 0 { return Merged(state: stored, outcome: .applied) }
      if (sign > 0) != isRising { return Merged(state: stored, outcome: .ignored) }
    }
    return changed(stored, to: value, edit)
  }

  // MARK: In order of arrival

  /// Carries out an operation on what is stored, whatever the clocks say.
  func plain(_ edit: FieldEdit, _ stored: FieldState, bounded: Bool = false) -> Merged {
    switch edit.operation {
    case .set(let value): return changed(stored, to: value, edit)
    case .increment(let amount):
      guard let sum = sum(stored.value, amount) else {
        let isNumber = amount.double != nil && (stored.value.isNull || stored.value.double != nil)
        return Merged(state: stored, outcome: .rejected(isNumber ? .range : .type))
      }
      if bounded, let number = sum.double {
        if let least, number < least { return Merged(state: stored, outcome: .rejected(.range)) }
        if let most, number > most { return Merged(state: stored, outcome: .rejected(.range)) }
      }
      return changed(stored, to: sum, edit)
    case .edit(let add, let remove):
      guard stored.value.isNull || stored.value.array != nil else {
        return Merged(state: stored, outcome: .rejected(.type))
      }
      var elements = stored.value.array ?? []
      var present = Set(elements.map(\.text))
      for element in add where present.insert(element.text).inserted { elements.append(element) }
      let gone = Set(remove.map(\.text))
      if !gone.isDisjoint(with: present) { elements.removeAll { gone.contains($0.text) } }
      return changed(stored, to: .array(elements), edit)
    }
  }

  private func changed(_ stored: FieldState, to value: JSON, _ edit: FieldEdit) -> Merged {
    var state = stored
    if !SameValue.test(value, stored.value) {
      state.value = value
      state.clocks.stamp =
        isCompared
        ? edit.stamp.following(stored.clocks.stamp)
        : Swift.max(stored.clocks.standing, edit.stamp)
    }
    return Merged(state: state, outcome: .applied)
  }

  /// Edits name the stamp of the value that they were made on, so no two values may have the same.
  private var isCompared: Bool {
    switch strategy {
    case .clientWins, .serverWins, .reject, .userChoice: true
    default: false
    }
  }

  /// The sum within the range of its type; nil outside, and where one is no number.
  private func sum(_ stored: JSON, _ amount: JSON) -> JSON? {
    if numbers == .double {
      guard let left = stored.isNull ? 0 : stored.double, let right = amount.double,
        (left + right).isFinite
      else { return nil }
      return .double(left + right)
    }
    guard let left = stored.isNull ? 0 : stored.int, let right = amount.int else { return nil }
    let (sum, overflow) = left.addingReportingOverflow(right)
    if overflow || (numbers == .int32 && Int32(exactly: sum) == nil) { return nil }
    return .int(sum)
  }
}

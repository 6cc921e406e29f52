package import RoostCore

/// What is stored of a field: its value, and the clocks that later merges need.
package struct FieldState: Sendable, Equatable {
  package var value: JSON
  package var clocks: FieldClocks

  package init(value: JSON, clocks: FieldClocks) {
    self.value = value
    self.clocks = clocks
  }

  /// A field as its row is created.
  package init(created value: JSON, at stamp: Stamp) {
    self.init(value: value, clocks: FieldClocks(origin: stamp))
  }

  package static func == (left: FieldState, right: FieldState) -> Bool {
    left.clocks == right.clocks && SameValue.test(left.value, right.value)
  }
}

/// The clocks of one field.
///
/// Parts are the paths of a MERGE_DEEP document, the elements of a SET_UNION, and the elements that
/// were taken from an APPEND. Their keys are texts; see `docs/protocol.md`.
package struct FieldClocks: Sendable, Equatable {
  package struct Part: Sendable, Equatable {
    package var stamp: Stamp
    /// The part was taken away; it is remembered so that an older edit cannot bring it back.
    package var isRemoved: Bool

    package init(stamp: Stamp, isRemoved: Bool) {
      self.stamp = stamp
      self.isRemoved = isRemoved
    }
  }

  /// When the row was created: the stamp of a field that nobody has edited since.
  package var origin: Stamp
  /// When what has no clock of its own counts as written.
  ///
  /// Before every edit, and not at the origin: nobody edits a row that is not there yet, but a copy
  /// of a device, or a server that was put back, may know a row by an earlier stamp than the one
  /// under which it was made in the end.
  package var floor: Stamp
  /// The last change of the field.
  package var stamp: Stamp
  package var parts: [String: Part]

  package init(
    origin: Stamp, floor: Stamp = .zero, stamp: Stamp? = nil, parts: [String: Part] = [:]
  ) {
    self.origin = origin
    self.floor = floor
    self.stamp = stamp ?? origin
    self.parts = parts
  }

  /// The stamp with which edits are compared; that of a creation is older than each of them.
  var standing: Stamp { stamp == origin ? floor : stamp }
}

/// An edit of one field, as it arrives.
package struct FieldEdit: Sendable {
  /// What the edit was made on.
  package enum Base: Sendable, Equatable {
    /// It is not compared: the caller has seen to it, or only shows the result.
    case unchecked
    /// The maker had no value of the server's.
    case none
    /// The stamp that the entry gave for the value.
    case stamp(Stamp)
  }

  package var operation: FieldOperation
  package var stamp: Stamp
  package var base: Base
  /// The server's wall clock when the edit arrived, in milliseconds since 1970.
  package var receivedAt: Int64
  /// LATEST_VALID: whether its rule accepts the new value, now.
  package var newIsValid: Bool
  /// LATEST_VALID: whether its rule accepts the stored value, now.
  package var storedIsValid: Bool
  /// The maker may not see what stands: nothing must tell whether it is the same, or it could be
  /// guessed.
  package var isBlind = false

  package init(
    _ operation: FieldOperation, stamp: Stamp, base: Base = .unchecked, receivedAt: Int64? = nil,
    newIsValid: Bool = true, storedIsValid: Bool = true
  ) {
    self.operation = operation
    self.stamp = stamp
    self.base = base
    self.receivedAt = receivedAt ?? stamp.time.milliseconds
    self.newIsValid = newIsValid
    self.storedIsValid = storedIsValid
  }
}

/// What an edit does to a field.
package enum FieldOperation: Sendable {
  case set(JSON)
  /// `{"$increment": n}`: adds to a number; null counts as 0.
  case increment(JSON)
  /// `{"$add": […], "$remove": […]}`: adds elements that a list lacks, then takes others away.
  case edit(add: [JSON], remove: [JSON])

  /// Reads a value of `args`; an intent only where the field is of its kind, since a JSON field may
  /// hold an object with such a name.
  package init?(_ argument: JSON, isNumber: Bool, isList: Bool) {
    guard let object = argument.object, let first = object.members.first,
      first.key.hasPrefix("$"), isNumber || isList
    else {
      self = .set(argument)
      return
    }
    if isList {
      var lists: [String: [JSON]] = [:]
      for (key, value) in object {
        guard key == "$add" || key == "$remove", let list = value.array else { return nil }
        lists[key] = list
      }
      self = .edit(add: lists["$add"] ?? [], remove: lists["$remove"] ?? [])
    } else {
      guard object.count == 1, first.key == "$increment", first.value.double != nil else {
        return nil
      }
      self = .increment(first.value)
    }
  }
}

/// What became of an edit.
package enum MergeOutcome: Sendable, Equatable {
  /// It stands as it was asked for.
  case applied
  /// A part of it stands; for the rest there is a later change.
  case merged
  /// A later, greater or other value stands.
  case ignored
  /// Nothing changed.
  case rejected(Refusal)
  /// The server's value stands, and a person must choose.
  case conflict

  package enum Refusal: String, Sendable {
    /// The value was not made on the one that is stored.
    case conflict
    /// A sum would leave the range of its type or its bounds.
    case range
    /// The intent does not fit the value.
    case type
  }
}

/// The state of a field after an edit, and what became of the edit.
package struct Merged: Sendable, Equatable {
  package var state: FieldState
  package var outcome: MergeOutcome

  package init(state: FieldState, outcome: MergeOutcome) {
    self.state = state
    self.outcome = outcome
  }
}

/// Whether values are the same when they are stored: numbers by value, texts byte by byte.
///
/// Swift takes texts for equal that Unicode calls canonically equivalent.
package enum SameValue {
  package static func test(_ left: JSON, _ right: JSON) -> Bool {
    switch (left, right) {
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.array(let left), .array(let right)):
      left.count == right.count && zip(left, right).allSatisfy { test($0, $1) }
    case (.object(let left), .object(let right)): test(left, right)
    default: left == right
    }
  }

  private static func test(_ left: JSONObject, _ right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    // Members come in the same order nearly always; else by their names.
    if zip(left, right).allSatisfy({ $0.key.utf8.elementsEqual($1.key.utf8) }) {
      return zip(left, right).allSatisfy { test($0.value, $1.value) }
    }
    var others: [[UInt8]: JSON] = [:]
    for (key, value) in right { others[Array(key.utf8)] = value }
    return left.allSatisfy { member in
      others[Array(member.key.utf8)].map { test(member.value, $0) } ?? false
    }
  }
}

package import RoostCore

/// Two values of a field between which a person must choose (USER_CHOICE, a stale CLIENT_WINS).
package struct FieldConflict: Sendable, Equatable {
  /// What stood when the conflict was shown, and its stamp.
  package var theirs: JSON
  package var theirsStamp: Stamp
  /// What the edit asked for.
  package var mine: JSON
  package var isOpen: Bool

  package init(theirs: JSON, theirsStamp: Stamp, mine: JSON, isOpen: Bool = true) {
    self.theirs = theirs
    self.theirsStamp = theirsStamp
    self.mine = mine
    self.isOpen = isOpen
  }

  /// The conflict that an edit makes; nil where its operation has no one value.
  package init?(_ edit: FieldEdit, against stored: FieldState) {
    guard case .set(let mine) = edit.operation else { return nil }
    self.init(theirs: stored.value, theirsStamp: stored.clocks.stamp, mine: mine)
  }

  package enum Resolution: Sendable, Equatable {
    /// The field as it is from now on; the conflict is closed.
    case resolved(FieldState)
    /// It was resolved before.
    case closed
    /// What stands is no longer what was shown: the conflict stays open with the new value.
    case outdated(FieldConflict)
  }

  /// Resolves the conflict once, on the value that the person saw.
  ///
  /// `stamp` is that of the resolving mutation.
  package func resolve(
    _ choice: ConflictChoice, stored: FieldState, stamp: Stamp
  ) -> Resolution {
    guard isOpen else { return .closed }
    guard stored.clocks.stamp == theirsStamp else {
      var conflict = self
      conflict.theirs = stored.value
      conflict.theirsStamp = stored.clocks.stamp
      return .outdated(conflict)
    }
    var state = stored
    switch choice {
    case .theirs: return .resolved(stored)
    case .mine: state.value = mine
    case .value(let value): state.value = value
    }
    state.clocks.stamp = stamp.following(stored.clocks.stamp)
    return .resolved(state)
  }
}

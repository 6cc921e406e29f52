import Synchronization

/// Where a read may be answered.
package enum ReadSource: Sendable {
  /// Where writes go: sees all that was acknowledged to anybody.
  case primary
  /// By a copy that has what the track asks for, if there is one; else as `primary`.
  case tracked(ReadTrack)
}

/// What a reader must see at least, and what its reads have seen.
package final class ReadTrack: Sendable {
  private struct State {
    var needed: DatabasePosition?
    var seen: DatabasePosition?
    var isPinned = false
  }

  private let state: Mutex<State>

  /// `needed` is what the reader has written or seen before; nil asks for nothing but the bound of
  /// every copy.
  package init(needed: DatabasePosition? = nil) { state = Mutex(State(needed: needed)) }

  /// What a copy must have to answer; a reader does not go back behind what it has seen.
  package var needed: DatabasePosition? { state.withLock { $0.seen ?? $0.needed } }

  /// At or beyond everything that the reads so far have seen; nil before the first.
  package var seen: DatabasePosition? { state.withLock { $0.seen } }

  /// A read is over that saw nothing beyond `position`.
  package func note(_ position: DatabasePosition) {
    state.withLock { state in
      if let seen = state.seen, seen.epoch == position.epoch, seen.place > position.place { return }
      state.seen = position
    }
  }

  /// Whether no copy may answer.
  package var isPinned: Bool { state.withLock { $0.isPinned } }

  /// Sends the reads that follow to where writes go; what they see is noted all the same.
  package func pin() { state.withLock { $0.isPinned = true } }
}

package import RoostCore

extension StreamWatch {
  /// Wakes those who wait as `account`, for a change of what it may do: whoever is signed in holds the
  /// stream of their conflicts.
  package func wake(_ account: UUID) { committed([], conflictsOf: [account]) }
}

/// Whether a transaction whose connection was lost at `COMMIT` is in the database.
enum CommitOutcome: Equatable {
  case committed
  case undone
  case unknown

  /// Decides by the number of the last transaction that the writer's row knows.
  ///
  /// Each transaction of a writer raises the number, which is read once the old transaction has
  /// ended; a row that is missing, or ahead, says nothing.
  init(sent: Int64, found: Int64?) {
    switch found {
    case sent: self = .committed
    case let found? where found < sent: self = .undone
    default: self = .unknown
    }
  }
}

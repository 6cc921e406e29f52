package import Queries
import RoostCore

/// What a database says about a move from it or into it.
package enum MoveMark: Sendable, Equatable {
  /// Rows are being brought in; until all are there nobody may work with it.
  case arriving
  /// Everything has gone to the place with that name.
  case left(String)

  package static func migration(_ number: Int) -> Migration {
    Migration(number, "moves") { d in
      [
        """
        CREATE TABLE roost_move (
          id \(d.integer) NOT NULL PRIMARY KEY CHECK (id = 1), state \(d.text) NOT NULL,
          place \(d.text) NOT NULL
        )\(d.numbered)
        """
      ]
    }
  }

  package static func read(in reader: any Reader) async throws -> MoveMark? {
    try await reader.first("SELECT state, place FROM roost_move") { row in
      row.text(0) == "arriving" ? .arriving : .left(row.text(1))
    }
  }

  package static func set(_ mark: MoveMark?, in transaction: any Transaction) async throws {
    try await transaction.execute("DELETE FROM roost_move")
    switch mark {
    case nil: return
    case .arriving:
      try await transaction.execute(
        "INSERT INTO roost_move (id, state, place) VALUES (1, 'arriving', '')")
    case .left(let place):
      try await transaction.execute(
        "INSERT INTO roost_move (id, state, place) VALUES (1, 'left', \(place))")
    }
  }

  /// Refuses a database that an app must not work with.
  static func check(_ database: any Database) async throws {
    switch try await database.read(.statement, { try await read(in: $0) }) {
    case nil: return
    case .arriving:
      throw DatabaseOpenError(
        .migrations,
        "A move into this database has not come to its end: run the same roost move again, after "
          + "one with --cancel if it says that the app has left.")
    case .left(let place):
      throw DatabaseOpenError(
        .migrations,
        """
        This app was moved to \(place): start it with --database (or ROOST_DATABASE). To take the \
        file here for the app again, without what was written there since, run roost move with \
        --cancel.
        """)
    }
  }
}

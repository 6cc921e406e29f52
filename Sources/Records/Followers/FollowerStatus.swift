package import Queries
package import RoostCore

/// How far a follower is.
package struct FollowerStatus: Sendable {
  package let name: String
  /// How many changes lie before its place, over all parts of the log.
  package let position: Int64
  /// How many changes the log has had.
  package let head: Int64
  /// How many changes lie between its place and the end; 0 where none of them concerns it.
  package let behind: Int64
  /// When the oldest change happened that concerns it and was not taken into account.
  package let waitingSince: Timestamp?
  /// Entries that were set aside.
  package let setAside: Int64
  package let isReplayable: Bool
  /// Its position in each part of a log that has several, such as `3:120`; else empty.
  package let parts: [String]

  /// For how long that change has waited; 0 where there is none.
  package func lagMilliseconds(at now: Timestamp) -> Int64 {
    waitingSince.map { max(0, now.milliseconds - $0.milliseconds) } ?? 0
  }

  /// How far each is, all at one moment.
  package static func all(
    _ runners: [FollowerRunner], in database: any Database
  ) async throws -> [FollowerStatus] {
    // Before the look: a place reached behind it comes from a commit that the look does not show,
    // and what that wrote would be missing at the others.
    let seen = runners.map(\.place)
    return try await database.read(.snapshot) { reader in
      var all: [FollowerStatus] = []
      for (runner, seen) in zip(runners, seen) {
        all.append(try await read(runner.follower, seen: seen, in: reader))
      }
      return all
    }
  }

  /// How far `follower` is; `seen` is what the process that runs it knows beyond what is written down.
  package static func read(
    _ follower: any Follower, seen: LogPlace? = nil, in reader: any Reader
  ) async throws -> FollowerStatus {
    var place = try await FollowerPlace.read(follower.name, in: reader)
    if let seen { place.advance(to: seen) }
    let head = try await LogPlace.head(in: reader)
    let next = try await LogEntry.oldest(for: follower, after: place, upTo: head, in: reader)
    let setAside = try await reader.first(
      "SELECT count(*) FROM roost_follower_poison WHERE name = \(follower.name)"
    ) { $0.int64(0) }
    let dialect = reader.dialect
    let shown = next == nil ? head : place
    let parts = LogPartition.all(dialect).map { EntryPlace.text($0, shown[$0], dialect) }
    return FollowerStatus(
      name: follower.name, position: next == nil ? head.total : place.total, head: head.total,
      behind: next == nil ? 0 : head.total - place.total, waitingSince: next,
      setAside: setAside ?? 0, isReplayable: follower.isReplayable,
      parts: dialect.partitions == 1 ? [] : parts)
  }
}

/// Where a follower is sent back to.
package enum ReplayStart: Sendable, Equatable {
  /// The first entry that the log still has.
  case beginning
  /// Behind that position; where the log has several parts, in that part alone.
  case position(EntryPlace)
  /// The first entries of that time or later.
  case time(Timestamp)

  /// As it is read.
  package var text: String {
    switch self {
    case .beginning: "start"
    case .position(let place): place.text
    case .time(let time): time.description
    }
  }

  /// `start`, a position such as `120` or `3:120`, or a time in RFC 3339; nil for anything else.
  package init?(_ text: String) {
    if text == "start" {
      self = .beginning
    } else if let place = EntryPlace(text) {
      self = .position(place)
    } else if let time = Timestamp(text) {
      self = .time(time)
    } else {
      return nil
    }
  }
}

extension RecordStore {
  /// Sends a follower back, so that it takes entries into account again; returns its new position.
  ///
  /// Throws `RoostError` where it cannot be done: the log no longer goes back so far, or what the
  /// follower does adds up.
  package func replay(
    _ follower: any Follower, from start: ReplayStart, in transaction: any Transaction
  ) async throws -> Int64 {
    guard follower.isReplayable else {
      throw RoostError(
        .conflict,
        "What \(follower.name) does adds up, so it cannot see a change twice: it is not replayed.")
    }
    // Whoever runs it holds its place for a batch: waited for, so that nobody has to ask again.
    guard
      let current = try await FollowerPlace.take(
        follower.name, isPatient: true, in: transaction)
    else {
      throw RoostError(
        .overloaded, "\(follower.name) is at work in another process: try again.",
        retryAfterSeconds: 1)
    }
    let head = try await LogPlace.head(in: transaction)
    let first = try await LogPlace.first(in: transaction)
    let place: LogPlace
    switch start {
    case .beginning: place = first
    case .position(let zero)
    where zero.partition == nil && zero.position == 0 && first.total == 0:
      place = first
    case .position(let position):
      place = try LogPlace.behind(
        position, from: current, first: first, head: head, transaction.dialect)
    case .time(let time):
      let oldest = try await LogEntry.oldestTime(in: transaction)
      if first.total > 0, let oldest, time < oldest {
        throw RoostError(
          .conflict,
          "The log begins at \(oldest): what was before it was trimmed. Say start to begin there.")
      }
      place = try await LogPlace.before(time, head: head, in: transaction)
    }
    try await FollowerPlace.reset(follower.name, to: place, in: transaction)
    return place.total
  }
}

extension LogPlace {
  /// The place before the first entry that the log still has.
  static func first(in reader: any Reader) async throws -> LogPlace {
    var place = try await head(in: reader)
    try await reader.query(
      "SELECT partition, min(position) FROM roost_log GROUP BY partition"
    ) { row in
      place.replace(row.int64(0), by: row.int64(1) - 1)
      return true
    }
    return place
  }

  /// `current`, but behind `place` in its part; throws where the log does not reach there.
  static func behind(
    _ place: EntryPlace, from current: LogPlace, first: LogPlace, head: LogPlace,
    _ dialect: Dialect
  ) throws -> LogPlace {
    let part = try place.part(dialect, pointer: "/from")
    func text(_ position: Int64) -> String { EntryPlace.text(part, position, dialect) }
    guard place.position <= head[part] else {
      throw RoostError.invalid(
        "/from", "range",
        "The log ends at \(text(head[part])): \(text(place.position)) is not reached yet.")
    }
    guard place.position >= first[part] else {
      throw RoostError(
        .conflict,
        "The log begins behind \(text(first[part])): what was before it was trimmed, since every "
          + "follower had it and \(RecordStore.logKeptMilliseconds / 86_400_000) days had passed. Say "
          + "start to begin there.")
    }
    var result = current
    result.replace(part, by: place.position)
    return result
  }

  /// The place before the first entries of `time` or later.
  static func before(
    _ time: Timestamp, head: LogPlace, in reader: any Reader
  ) async throws -> LogPlace {
    var place = head
    try await reader.query(
      "SELECT partition, min(position) FROM roost_log WHERE at >= \(time) GROUP BY partition"
    ) { row in
      place.replace(row.int64(0), by: row.int64(1) - 1)
      return true
    }
    return place
  }
}

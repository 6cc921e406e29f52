import Queries
import Synchronization

/// The furthest place that a commit of this process has reached.
final class CommitPositions: Sendable {
  private struct State {
    var latest: DatabasePosition
    /// The number of the history that each epoch stands for.
    var timelines: [UInt64: UInt32] = [:]
    /// Commits whose place is unknown, since the connection broke behind them.
    var misses = 0
    /// Those of them that a look at the server has made up for.
    var made = 0

    /// Takes note of a position: of an earlier history none counts any more.
    ///
    /// After a failover the old primary's last answers can come behind the first of the new one. They
    /// say nothing of the new history, and for going back to the old one what is known of the new one
    /// would be forgotten.
    mutating func raise(_ position: DatabasePosition) {
      if position.epoch == latest.epoch {
        if position.place > latest.place { latest = position }
      } else if timelines[position.epoch, default: 0] > timelines[latest.epoch, default: 0] {
        latest = position
      }
    }
  }

  /// The number that tells this database's server, and its copies, from all others.
  private let systemID: String
  private let state: Mutex<State>

  init(systemID: String, start: ServerPlace) {
    self.systemID = systemID
    let latest = CommitPositions.position(systemID, start)
    state = Mutex(State(latest: latest, timelines: [latest.epoch: start.timeline ?? 0]))
  }

  /// A place of the primary as a position.
  func position(_ place: ServerPlace) -> DatabasePosition {
    let position = CommitPositions.position(systemID, place)
    state.withLock { state in
      if position.epoch != state.latest.epoch {
        state.timelines[position.epoch] = place.timeline ?? 0
      }
    }
    return position
  }

  func epoch(timeline: UInt32) -> UInt64 { CommitPositions.epoch(systemID, timeline) }

  private static func position(_ systemID: String, _ place: ServerPlace) -> DatabasePosition {
    DatabasePosition(epoch: epoch(systemID, place.timeline ?? 0), place: place.bytes)
  }

  /// FNV-1a; the number says nothing about the server to those who carry it.
  private static func epoch(_ systemID: String, _ timeline: UInt32) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in "\(systemID) \(timeline)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
  }

  /// A transaction was committed; `place` is nil where it could not be learned.
  func committed(_ place: ServerPlace?) {
    let position = place.map { self.position($0) }
    state.withLock { state in
      guard let position else {
        state.misses += 1
        return
      }
      state.raise(position)
    }
  }

  /// The place is of a look at the server that began when there were `misses` of `known`.
  func looked(_ position: DatabasePosition, misses: Int) {
    state.withLock { state in
      state.raise(position)
      // One at an old primary has not seen what the new one was told.
      guard position.epoch == state.latest.epoch else { return }
      state.made = max(state.made, misses)
    }
  }

  var misses: Int { state.withLock { $0.misses } }

  /// At or beyond all commits; nil where one is missing, which a look at the server makes up for.
  var latest: DatabasePosition? {
    state.withLock { $0.made == $0.misses ? $0.latest : nil }
  }
}

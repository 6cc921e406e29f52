import Queries
import RoostCore

/// How far the log and the streams were when a world looked at them.
struct Sequences: Sendable {
  /// The last position of each part of the log.
  var log: [Int64: Int64] = [:]
  /// The last sequence of each stream.
  var heads: [Int64: Int64] = [:]
}

/// What came into the log and the streams between two looks.
///
/// A row that changes takes the next sequence of a stream and leaves the one that it had, so what is
/// missing between two heads must be the former places of rows that the log names more than once.
struct SequenceNews: Sendable {
  private struct Row: Hashable {
    let collection: Int64
    let id: UUID
  }

  private struct Version: Hashable {
    let row: Row
    let number: Int64
  }

  private struct Place {
    let part: Int64
    let position: Int64
  }

  private struct Entry {
    let sequence: Int64
    let version: Version
    let isRemoval: Bool
  }

  /// What came to one stream behind `from`.
  private struct Stretch {
    let stream: Int64
    let from: Int64
    let head: Int64
    var entries: [Entry] = []
  }

  /// Where they are now.
  private(set) var places = Sequences()
  /// Where each version stands in the log.
  private var log: [Version: Place] = [:]
  /// How often each row changed.
  private var changes: [Row: Int64] = [:]
  private var stretches: [Stretch] = []
  /// A hole in the log, in words.
  private var hole: String?
  /// Whether there is no telling: something of the time between has been trimmed, or a fall took it.
  private var isUnsure = false

  // MARK: Reading

  /// Reads what came since `former`; with nil, only where they are.
  init(since former: Sequences?, in reader: any Reader) async throws {
    try await reader.query(SequenceNews.logEnds, []) { row in
      places.log[row.int64(0)] = row.int64(1)
      return true
    }
    try await reader.query(SequenceNews.heads, []) { row in
      let (stream, head) = (row.int64(0), row.int64(1))
      places.heads[stream] = head
      let before = former?.heads[stream] ?? 0
      if head < before { isUnsure = true }
      // Up to the floor, entries of removals are gone.
      let from = max(before, row.int64(2))
      if head > from, former != nil {
        stretches.append(Stretch(stream: stream, from: from, head: head))
      }
      return true
    }
    guard let former, !isUnsure else { return }
    for (part, end) in places.log {
      try await read(part, from: former.log[part] ?? 0, to: end, reader)
    }
    for index in stretches.indices {
      let values: [Value] = [.int(stretches[index].stream), .int(stretches[index].from)]
      try await reader.query(SequenceNews.entries, values) { row in
        let version = Version(
          row: Row(collection: row.int64(1), id: row.uuid(2) ?? .zero), number: row.int64(3))
        stretches[index].entries.append(
          Entry(sequence: row.int64(0), version: version, isRemoval: row.int64(4) != 1))
        return true
      }
    }
  }

  private mutating func read(
    _ part: Int64, from: Int64, to end: Int64, _ reader: any Reader
  ) async throws {
    guard end != from else { return }
    var next = from + 1
    var isFirst = true
    try await reader.query(SequenceNews.entriesOfLog, [.int(part), .int(from)]) { row in
      let position = row.int64(0)
      if position != next {
        if isFirst {
          isUnsure = true
        } else {
          hole = hole ?? "part \(part) of the log goes from \(next - 1) to \(position)"
        }
      }
      isFirst = false
      next = position + 1
      let key = Row(collection: row.int64(1), id: row.uuid(2) ?? .zero)
      changes[key, default: 0] += 1
      log[Version(row: key, number: row.int64(3))] = Place(part: part, position: position)
      return true
    }
    if isFirst {
      isUnsure = true
    } else if next != end + 1 {
      hole = hole ?? "part \(part) of the log ends at \(next - 1), and its head says \(end)"
    }
  }

  private static let logEnds = Statement("SELECT partition, position FROM roost_log_head")
  private static let heads = Statement("SELECT stream, seq, gc_floor FROM roost_scope_head")
  private static let entriesOfLog = Statement(
    """
    SELECT position, collection, id, version FROM roost_log \
    WHERE partition = \(SQL.placeholder) AND position > \(SQL.placeholder) ORDER BY position
    """)
  private static let entries = Statement(
    """
    SELECT seq, coll, id, rv, kind FROM roost_scope_row \
    WHERE stream = \(SQL.placeholder) AND seq > \(SQL.placeholder) ORDER BY seq
    """)

  // MARK: Judging

  /// What is not dense, or not in the order of commits; nil where all is.
  var fault: String? {
    if isUnsure { return nil }
    if let hole { return hole }
    for stretch in stretches {
      if let fault = fault(of: stretch) { return fault }
    }
    return nil
  }

  private func fault(of stretch: Stretch) -> String? {
    let name = "stream \(stretch.stream)"
    // Nothing takes the place of the last one but another last one.
    guard let last = stretch.entries.last, last.sequence == stretch.head else {
      return "\(name) ends at \(stretch.head), and its last entry is at "
        + "\(stretch.entries.last?.sequence ?? 0)"
    }
    let missing = stretch.head - stretch.from - Int64(stretch.entries.count)
    let left = stretch.entries.reduce(0) { $0 + formerPlaces(of: $1) }
    if missing > left {
      return "\(name) lacks \(missing) entries from \(stretch.from) to \(stretch.head), and its "
        + "rows have left \(left) places at most"
    }
    var latest: [Int64: Int64] = [:]
    for entry in stretch.entries {
      // Where the rules changed, entries move without a change of their rows.
      guard let place = log[entry.version] else { continue }
      if place.position < latest[place.part] ?? 0 {
        return
          "\(name) has at \(entry.sequence) a change that was committed before one that stands "
          + "in front of it"
      }
      latest[place.part] = place.position
    }
    return nil
  }

  /// How many places the row of an entry may have left meanwhile.
  private func formerPlaces(of entry: Entry) -> Int64 {
    // Conflicts are not in the log: they come once, and go once.
    if entry.version.row.collection == 0 { return entry.isRemoval ? 1 : 0 }
    return max(0, (changes[entry.version.row] ?? 0) - 1)
  }
}

/// 12: sequences are dense, and in the order of commits.
extension World {
  private static let requestsBetweenLooks = 12

  /// Counts a request, and looks at the sequences now and then.
  func noteRequest() async throws {
    requests += 1
    if requests % World.requestsBetweenLooks == 0 { try await checkSequences() }
  }

  func checkSequences() async throws {
    guard server.isUp else { return }
    let news = try await newsOfSequences()
    sequences = news.places
    if let fault = news.fault { breach(.density, fault) }
  }

  /// Begins anew, where the server was put back.
  func forgetSequences() async throws {
    sequences = nil
    sequences = try await newsOfSequences().places
  }

  private func newsOfSequences() async throws -> SequenceNews {
    let former = sequences
    return try await server.look { try await SequenceNews(since: former, in: $0) }
  }
}

import RoostCore
import SyncProtocol

/// The lanes of a device, what is noted with each mutation, and which mutations touch which row.
struct Lanes: Sendable {
  /// What a device notes with a mutation for as long as it keeps it.
  struct Note: Sendable, Equatable {
    /// The server's clock as it was known when the mutation was made.
    let seen: HybridTime
    /// Bytes that it takes in a frame, at most.
    let bytes: Int
    /// The tiers of the rows and values that it changes.
    let tiers: Set<Lane>
    /// What became of it; nil before the answer.
    var outcome: MutationResult.Outcome?
    /// A person was shown the result.
    var isTold = false
  }

  /// A mutation that is kept.
  struct Place: Sendable, Equatable {
    let lane: Lane
    let seq: Int64
  }

  private(set) var client: UUID
  private(set) var queues: [Lane: LaneQueue] = [:]
  private(set) var notes: [ChainHash: Note] = [:]
  /// What is pending of each row, in the order in which it was made.
  private(set) var pending: [RowKey: [Place]] = [:]
  /// Where mutations stand that were brought once more, and now count there alone.
  private var again: [ChainHash: Int64] = [:]
  /// Rows of tiers that a commit did not bring, but for these rows: how far they show each lane.
  private var ahead: [RowKey: [Lane: Int64]] = [:]

  init(client: UUID) { self.client = client }

  subscript(place: Place) -> ClientMutation? { queues[place.lane]?.mutation(at: place.seq) }

  // MARK: Making

  mutating func append(
    _ operations: [ClientOperation], to lane: Lane, nonce: UInt64, time: HybridTime,
    schema: String, note: Note
  ) -> ClientMutation {
    // Taken out while it changes, or its log would be copied.
    var queue = queues.removeValue(forKey: lane) ?? LaneQueue(client: client, lane: lane)
    let mutation = queue.append(
      operations, nonce: nonce, stamp: Stamp(time: time, client: client), schema: schema)
    queues[lane] = queue
    notes[mutation.oid] = note
    index(mutation, Place(lane: lane, seq: mutation.seq))
    return mutation
  }

  /// Brings a mutation once more that was refused, under its `oid`, of which the server carries out
  /// one at most.
  mutating func bringAgain(_ mutation: ClientMutation, in lane: Lane, note: Note) {
    var queue = queues.removeValue(forKey: lane) ?? LaneQueue(client: client, lane: lane)
    let once = queue.append(
      mutation.operations, nonce: mutation.nonce, stamp: mutation.stamp, schema: mutation.schema,
      oid: mutation.oid)
    queues[lane] = queue
    var note = note
    note.outcome = nil
    note.isTold = false
    notes[mutation.oid] = note
    again[mutation.oid] = once.seq
    rebuild()
  }

  /// Whether a mutation was brought once more.
  func isAgain(_ mutation: ClientMutation) -> Bool { again[mutation.oid] != nil }

  /// Whether a mutation stands at this place, and was not brought once more behind it.
  func isLast(_ mutation: ClientMutation) -> Bool {
    mutation.seq >= again[mutation.oid] ?? 0
  }

  private mutating func index(_ mutation: ClientMutation, _ place: Place) {
    guard isLast(mutation) else { return }
    for operation in mutation.operations {
      guard let key = operation.row, pending[key]?.last != place else { continue }
      pending[key, default: []].append(place)
    }
  }

  // MARK: What the server says

  /// Takes in how far the server is in a lane; true where the lineages have parted.
  mutating func receive(_ status: LaneStatus, of lane: Lane) -> Bool {
    var queue = queues.removeValue(forKey: lane) ?? LaneQueue(client: client, lane: lane)
    let before = queue.log.acknowledged
    let decision = queue.receive(status)
    if decision == .replay {
      // What it came to before the server lost it is no answer to what it comes to now.
      for seq in queue.log.acknowledged + 1...before { forgetOutcome(queue.mutation(at: seq)) }
    }
    queue.settle { notes[$0.oid]?.outcome != nil }
    queues[lane] = queue
    return decision == .fork
  }

  /// Another history of the server begins: what things came to in the last one is no answer.
  mutating func beginEpoch() {
    for lane in Lane.allCases {
      for mutation in queues[lane]?.log.retained ?? [] { forgetOutcome(mutation) }
      queues[lane]?.unsettle()
    }
  }

  private mutating func forgetOutcome(_ mutation: ClientMutation?) {
    if let mutation { notes[mutation.oid]?.outcome = nil }
  }

  /// Notes a result; gives the mutation that it is of, nil where it is not kept.
  mutating func note(_ result: MutationResult, in lane: Lane) -> ClientMutation? {
    guard let mutation = queues[lane]?.mutation(at: result.seq) else { return nil }
    // What it was refused with before it was brought once more.
    if result.outcome == .rejected, !isLast(mutation) { return nil }
    // A repeat says nothing of what the first time came to.
    if result.outcome != .dup || notes[mutation.oid]?.outcome == nil {
      notes[mutation.oid]?.outcome = result.outcome
    }
    return mutation
  }

  mutating func noteTold(_ oid: ChainHash) { notes[oid]?.isTold = true }

  /// Takes in a commit's `last`; gives the rows that show less of what is pending, or more.
  ///
  /// `early` are rows that came though their tier was not asked for.
  mutating func commit(
    _ last: [Lane: Int64], tiers: Set<Lane>, early: Set<RowKey>, home: (RowKey) -> Lane
  ) -> Set<RowKey> {
    var touched: Set<RowKey> = []
    var isBehind = false
    ahead = ahead.filter { !tiers.contains(home($0.key)) }
    for (lane, said) in last {
      guard var queue = queues[lane] else { continue }
      let place = min(max(said, 0), queue.log.head.last)
      let before = queue.shown
      queue.commit(place, tiers: tiers)
      let least = tiers.map { before[$0] ?? 0 }.min() ?? place
      if place < (tiers.map { before[$0] ?? 0 }.max() ?? 0) { isBehind = true }
      let kept = max(min(least, place), queue.log.floor.last)
      for seq in stride(from: kept + 1, through: max(least, place), by: 1) {
        for operation in queue.mutation(at: seq)?.operations ?? [] {
          if let key = operation.row { touched.insert(key) }
        }
      }
      queues[lane] = queue
    }
    for key in early where pending[key] != nil { ahead[key] = last }
    if isBehind {
      rebuild()
    } else {
      for key in touched { prune(key) }
    }
    return touched
  }

  /// Whether a row already shows a mutation in the values of this tier.
  func isShown(_ place: Place, of key: RowKey, in tier: Lane) -> Bool {
    if let early = ahead[key]?[place.lane], place.seq <= early { return true }
    return place.seq <= queues[place.lane]?.shown[tier] ?? 0
  }

  private func isShown(_ mutation: ClientMutation, in queue: LaneQueue) -> Bool {
    queue.isShown(mutation.seq, in: notes[mutation.oid]?.tiers ?? [])
  }

  /// Forgets what is durable and shown.
  mutating func trim() {
    for lane in Lane.allCases {
      guard var queue = queues.removeValue(forKey: lane) else { continue }
      // What its rows do not show yet must stay to be folded over them, and what became of it is
      // asked for by pushing it again.
      queue.trim { notes[$0.oid]?.outcome != nil && isShown($0, in: $1) }
      queues[lane] = queue
    }
    let kept = queues.values.reduce(0) { $0 + $1.log.retained.count }
    if notes.count > 2 * kept + 64 {
      let known = Set(queues.values.flatMap { $0.log.retained.map(\.oid) })
      notes = notes.filter { known.contains($0.key) }
      again = again.filter { known.contains($0.key) }
    }
  }

  private mutating func prune(_ key: RowKey) {
    guard let places = pending[key] else { return }
    let rest = places.filter { place in
      guard let queue = queues[place.lane], let mutation = queue.mutation(at: place.seq) else {
        return false
      }
      return !isShown(mutation, in: queue)
    }
    pending[key] = rest.isEmpty ? nil : rest
  }

  /// Puts the index together again from the logs.
  private mutating func rebuild() {
    pending = [:]
    var all: [(mutation: ClientMutation, place: Place)] = []
    for (lane, queue) in queues {
      for mutation in queue.log.retained where !isShown(mutation, in: queue) {
        all.append((mutation, Place(lane: lane, seq: mutation.seq)))
      }
    }
    all.sort { Lanes.isEarlier(($0.mutation, $0.place.lane), ($1.mutation, $1.place.lane)) }
    for (mutation, place) in all { index(mutation, place) }
  }

  /// The order in which mutations were made.
  static func isEarlier(
    _ left: (mutation: ClientMutation, lane: Lane), _ right: (mutation: ClientMutation, lane: Lane)
  ) -> Bool {
    if left.lane == right.lane { return left.mutation.seq < right.mutation.seq }
    if left.mutation.stamp.time != right.mutation.stamp.time {
      return left.mutation.stamp.time < right.mutation.stamp.time
    }
    return left.lane < right.lane
  }

  // MARK: Forks and clocks

  /// Goes on under a new lineage, with everything that is kept.
  mutating func fork(as client: UUID) { fork(as: client) { $0.forked(as: client) } }

  /// The same with mutations in the words of another version of the schema.
  mutating func fork(
    as client: UUID, schema: String, lift: (ClientMutation) -> [ClientOperation]?
  ) {
    fork(as: client) { $0.lifted(as: client, schema: schema, lift) }
  }

  private mutating func fork(as client: UUID, _ renew: (LaneQueue) -> LaneQueue) {
    self.client = client
    let floors = queues.mapValues(\.log.floor.last)
    ahead = ahead.mapValues { places in
      Dictionary(uniqueKeysWithValues: places.map { ($0, max(0, $1 - (floors[$0] ?? 0))) })
    }
    queues = queues.mapValues(renew)
    let known = again
    again = [:]
    for queue in queues.values {
      for mutation in queue.log.retained {
        forgetOutcome(mutation)
        // The last place is the one that counts.
        if known[mutation.oid] != nil { again[mutation.oid] = mutation.seq }
      }
    }
    rebuild()
  }

  /// Corrects the stamps of what the server has not taken in; gives the last of them.
  ///
  /// `clock` is the server's: of what it had taken in nothing is later, whatever the stamps here
  /// say.
  mutating func restamp(shift: Int64, now: Int64, clock: HybridTime) -> HybridTime? {
    var waiting: [(mutation: ClientMutation, lane: Lane)] = []
    var taken = HybridTime(rawValue: 0)
    for (lane, queue) in queues {
      for mutation in queue.log.retained {
        if mutation.seq > queue.log.acknowledged {
          waiting.append((mutation, lane))
        } else {
          taken = max(taken, mutation.stamp.time)
        }
      }
    }
    guard !waiting.isEmpty else { return nil }
    waiting.sort { Lanes.isEarlier($0, $1) }
    var restamping = Restamping(shift: shift, now: now, after: min(taken, clock))
    var corrected: [ChainHash: HybridTime] = [:]
    for (mutation, _) in waiting {
      let seen = notes[mutation.oid]?.seen ?? HybridTime(rawValue: 0)
      corrected[mutation.oid] = restamping.correct(mutation.stamp.time, seen: seen)
    }
    queues = queues.mapValues { queue in
      var queue = queue
      queue.restamp { mutation in
        Stamp(time: corrected[mutation.oid] ?? mutation.stamp.time, client: mutation.stamp.client)
      }
      return queue
    }
    return restamping.last
  }

  // MARK: Counts

  /// Mutations that are not in the last commit.
  var pendingCount: Int {
    queues.values.reduce(0) { count, queue in
      count + Int(max(0, queue.log.head.last - max(queue.committed, queue.log.floor.last)))
    }
  }

  /// What is to be pushed of a lane: what the server has not taken in, and what became of which is
  /// not known because the answer was lost.
  func unanswered(in lane: Lane) -> [ClientMutation] {
    guard let queue = queues[lane] else { return [] }
    let start = max(0, Int(queue.settled - queue.log.floor.last))
    return queue.log.retained.dropFirst(start).filter {
      $0.seq > queue.log.acknowledged || notes[$0.oid]?.outcome == nil && isLast($0)
    }
  }

  var unansweredCount: Int { Lane.allCases.reduce(0) { $0 + unanswered(in: $1).count } }

  /// The last mutation of each lane that has any.
  var heads: [Lane: LanePosition] {
    queues.mapValues(\.log.head).filter { $0.value.last > 0 }
  }
}

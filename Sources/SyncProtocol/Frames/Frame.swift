package import RoostCore

/// One message of sync; a request and its answer are frames, a socket's message is one.
///
/// Each frame is a JSON object whose member `frame` names it. Unknown members of frames are passed
/// over, so that a later version can add some; those of a mutation and of its operations are not,
/// because a part of a change that was passed over would make another change.
package enum Frame: Sendable {
  /// Client: who it is and how far it has come. The first frame of a request or a connection.
  case hello(Hello)
  /// Server: what the client holds from now on, and the time.
  case welcome(Welcome)
  /// Client: mutations of one lane.
  case push(Push)
  /// Server: what became of them.
  case pushed(Pushed)
  /// Server: entries of one stream, to be staged.
  case delta(Delta)
  /// Server: the point at which everything staged is applied at once.
  case commit(Commit)
  /// Server: the answer is full; ask again with what is staged, and with the `page`.
  case more(page: Int64, mark: String? = nil)
  /// Server: forget what is staged of this stream; it begins anew.
  case restart(stream: Int64)
  /// Client: the digests of what it holds of a stream.
  case digest(Digest)
  /// Server: the ranges whose digests differ.
  case ranges(DigestRanges)
  /// Client: the leaves that it holds in those ranges.
  case leaves(DigestLeaves)
  /// Server: leaves that are no longer, beside a delta with what is new.
  case gone(GoneLeaves)
  /// Client: rows whose patch did not fit.
  case fetch(Fetch)
  /// Client, on a socket: how far it has applied.
  case ack(heads: [Int64: Int64])
  /// Server: why a frame, or everything, was not carried out.
  case error(SyncError)
}

/// A frame `hello`.
///
/// `{cid, epoch?, mark?, schema, wall, lanes, streams, staged?, page?, tiers?, wait?, device?}`
package struct Hello: Sendable, Equatable {
  /// The lineage of mutations: new for an installation and after a fork.
  package var cid: UUID
  /// The server's epoch that the cursors are of; nil before the first welcome.
  package var epoch: UUID?
  /// The mark of the last commit, as the server gave it.
  package var mark: String?
  /// The version of the schema that the client was made for.
  package var schema: String
  /// The device's wall clock as it sent the frame, in milliseconds since 1970.
  package var wall: Int64
  /// The last mutation that the client made in each lane.
  package var lanes: [Lane: LanePosition]
  /// The cursor of each stream that the client holds.
  package var streams: [Int64: Int64]
  /// How far streams are staged beyond their cursors, after `more`.
  package var staged: [Int64: Int64]
  /// The `page` of the last `more` behind which everything staged was read.
  package var page: Int64?
  /// The device, which stays the same when the client's lineage forks.
  package var device: DeviceNotice?
  /// The tiers that are wanted now; empty for all.
  package var tiers: [Lane]
  /// Seconds that the server may hold its answer until something is new.
  package var wait: Int

  package init(
    cid: UUID, epoch: UUID? = nil, schema: String, wall: Int64,
    lanes: [Lane: LanePosition] = [:], streams: [Int64: Int64] = [:],
    staged: [Int64: Int64] = [:], tiers: [Lane] = [], wait: Int = 0, mark: String? = nil,
    page: Int64? = nil, device: DeviceNotice? = nil
  ) {
    self.mark = mark
    self.page = page
    self.device = device
    self.cid = cid
    self.epoch = epoch
    self.schema = schema
    self.wall = wall
    self.lanes = lanes
    self.streams = streams
    self.staged = staged
    self.tiers = tiers
    self.wait = wait
  }
}

/// What a device says of itself: `{id, name?, platform?}`.
package struct DeviceNotice: Sendable, Equatable {
  package var id: UUID
  /// As its owner calls it.
  package var name: String?
  package var platform: String?

  package init(id: UUID, name: String? = nil, platform: String? = nil) {
    self.id = id
    self.name = name
    self.platform = platform
  }
}

/// How far a lane has come: `{last, chain}`.
package struct LanePosition: Sendable, Equatable {
  /// The sequence of its last mutation; 0 before the first one.
  package var last: Int64
  /// The chain at `last`; the genesis at 0.
  package var chain: ChainHash

  package init(last: Int64, chain: ChainHash) {
    self.last = last
    self.chain = chain
  }
}

/// What the server says of a lane: `{last, chain, durable?: {last, chain}}`.
package struct LaneStatus: Sendable, Equatable {
  /// The last mutation that was taken in.
  package var position: LanePosition
  /// The last one that a backup of the server holds; nil before the first backup.
  package var durable: LanePosition?

  package init(position: LanePosition, durable: LanePosition? = nil) {
    self.position = position
    self.durable = durable
  }
}

/// A frame `welcome`.
///
/// `{epoch, now, clock, lanes, add, drop, resync, masks, schema}`
package struct Welcome: Sendable, Equatable {
  package var epoch: UUID
  /// The server's wall clock, in milliseconds since 1970.
  package var now: Int64
  /// The server's hybrid clock: not before any stamp that it has accepted.
  package var clock: HybridTime
  package var lanes: [Lane: LaneStatus]
  /// Streams that the client gains, pulled from 0.
  package var add: [StreamNotice]
  /// Streams that the client may no longer see: every reference of theirs goes.
  package var drop: [Int64]
  /// Streams whose cursor is below the floor: reconcile by digests, or empty them and pull anew.
  package var resync: [Int64]
  /// The masks that entries name, by number.
  package var masks: [Int64: Mask]
  package var schema: SchemaNotice

  package init(
    epoch: UUID, now: Int64, clock: HybridTime, lanes: [Lane: LaneStatus] = [:],
    add: [StreamNotice] = [], drop: [Int64] = [], resync: [Int64] = [],
    masks: [Int64: Mask] = [:], schema: SchemaNotice
  ) {
    self.epoch = epoch
    self.now = now
    self.clock = clock
    self.lanes = lanes
    self.add = add
    self.drop = drop
    self.resync = resync
    self.masks = masks
    self.schema = schema
  }
}

/// A stream that the client gains: `{stream, tier}`.
package struct StreamNotice: Sendable, Equatable {
  package var stream: Int64
  package var tier: Lane

  package init(stream: Int64, tier: Lane) {
    self.stream = stream
    self.tier = tier
  }
}

/// The fields that an entry of this mask shows: `{coll, fields}`.
///
/// Mask 0 is never explained: it shows every field of the collection.
package struct Mask: Sendable, Equatable {
  package var collection: String
  package var fields: [String]

  package init(collection: String, fields: [String]) {
    self.collection = collection
    self.fields = fields
  }
}

/// Versions of the schema: `{current, minimum, lens?}`.
package struct SchemaNotice: Sendable, Equatable {
  package var current: String
  /// Below it pushes are answered `upgrade_required`.
  package var minimum: String
  /// The version in which rows travel to this client, where that is not `current`.
  package var lens: String?

  package init(current: String, minimum: String, lens: String? = nil) {
    self.current = current
    self.minimum = minimum
    self.lens = lens
  }
}

/// A frame `push`.
///
/// `{cid, lane, muts: [{seq, nonce, oid?, prev?, chain, hlc, schema, ops}]}`
package struct Push: Sendable, Equatable {
  package var cid: UUID
  package var lane: Lane
  package var mutations: [ClientMutation]

  package init(cid: UUID, lane: Lane, mutations: [ClientMutation]) {
    self.cid = cid
    self.lane = lane
    self.mutations = mutations
  }
}

/// A frame `pushed`.
///
/// `{lane, state, last, chain, durable?, common?, results}`
package struct Pushed: Sendable, Equatable {
  package enum State: String, Sendable {
    case taken = "ok"
    /// The lane's lineages have parted; up to `common` they are the same.
    case forked
    /// Mutations between `last` and the first of the push are missing.
    case gap
  }

  package var lane: Lane
  package var state: State
  package var status: LaneStatus
  /// With `forked`: the last sequence that both lineages share, as far as the push showed.
  package var common: Int64?
  package var results: [MutationResult]

  package init(
    lane: Lane, state: State, status: LaneStatus, common: Int64? = nil,
    results: [MutationResult] = []
  ) {
    self.lane = lane
    self.state = state
    self.status = status
    self.common = common
    self.results = results
  }
}

/// What became of a mutation: `{seq, result, code?, message?, errors?, conflicts?, values?}`.
package struct MutationResult: Sendable, Equatable {
  package enum Outcome: String, Sendable {
    /// It took place as it was.
    case ok
    /// It took place, and a later or a competing value stands in part of it.
    case merged
    /// It took place before, under this `oid`.
    case dup
    /// It did not take place; `code` and `message` say why.
    case rejected
    /// It took place but for fields on which a person must decide.
    case conflict
  }

  package var seq: Int64
  package var outcome: Outcome
  /// A stable name, such as `row_gone`, `denied`, `conflict`, `invalid`.
  package var code: String?
  /// For a person.
  package var message: String?
  /// Faults by field, with pointers into the mutation.
  package var issues: [FieldIssue]
  /// The conflicts that wait for a person.
  package var conflicts: [UUID]
  /// With `rejected(conflict)`: the server's value of each field, beside the client's own.
  package var values: JSONObject

  package init(
    seq: Int64, _ outcome: Outcome, code: String? = nil, message: String? = nil,
    issues: [FieldIssue] = [], conflicts: [UUID] = [], values: JSONObject = JSONObject()
  ) {
    self.seq = seq
    self.outcome = outcome
    self.code = code
    self.message = message
    self.issues = issues
    self.conflicts = conflicts
    self.values = values
  }
}

extension MutationResult {
  /// Whether nothing took place for want of a row: of one that it changes, or refers to.
  ///
  /// On a server that was put back such a row may come again, from the device that has it.
  package var isForWantOfRow: Bool {
    outcome == .rejected && (code == "row_gone" || issues.contains { $0.code == "reference" })
  }
}

/// A frame `delta`.
///
/// `{stream, from, entries, masks?, to}`
package struct Delta: Sendable, Equatable {
  package var stream: Int64
  /// The position that it continues from.
  package var from: Int64
  /// The position that it leads to, at least the sequence of its last entry.
  package var to: Int64
  package var entries: [StreamEntry]
  package var masks: [Int64: Mask]

  package init(
    stream: Int64, from: Int64, to: Int64, entries: [StreamEntry] = [],
    masks: [Int64: Mask] = [:]
  ) {
    self.stream = stream
    self.from = from
    self.to = to
    self.entries = entries
    self.masks = masks
  }
}

/// A row as a stream shows it, or that the stream shows it no longer.
package struct StreamEntry: Sendable, Equatable {
  package enum Kind: String, Sendable {
    case put
    /// The row was deleted.
    case delete = "del"
    /// The row left the stream.
    case leave
  }

  package var seq: Int64
  package var row: RowKey
  package var kind: Kind
  /// The entry's own version of the row.
  package var version: Int64
  package var mask: Int64
  /// With `put`: the values that the mask shows, and `createdAt` and `updatedAt`.
  package var fields: JSONObject
  /// The stamps of fields whose strategy compares with what an edit was made on.
  package var clocks: [String: Stamp]
  /// With a patch: the version that `fields` change; without it they are all that the mask shows.
  package var baseVersion: Int64?

  package init(
    seq: Int64, row: RowKey, kind: Kind, version: Int64, mask: Int64 = 0,
    fields: JSONObject = JSONObject(), clocks: [String: Stamp] = [:], baseVersion: Int64? = nil
  ) {
    self.seq = seq
    self.row = row
    self.kind = kind
    self.version = version
    self.mask = mask
    self.fields = fields
    self.clocks = clocks
    self.baseVersion = baseVersion
  }
}

/// A frame `commit`.
///
/// `{heads, last, clock, mark?}`
package struct Commit: Sendable, Equatable {
  /// The cursors that it moves.
  package var heads: [Int64: Int64]
  /// The last mutation of each lane whose effect is in it.
  package var last: [Lane: Int64]
  /// The server's hybrid clock, not before any stamp in it.
  package var clock: HybridTime
  /// What the client sends with its next hello: it shows a server that its database was put back.
  package var mark: String?

  package init(
    heads: [Int64: Int64], last: [Lane: Int64] = [:], clock: HybridTime, mark: String? = nil
  ) {
    self.mark = mark
    self.heads = heads
    self.last = last
    self.clock = clock
  }
}

/// A frame `fetch`.
///
/// `{stream, rows: [{coll, id}]}`
package struct Fetch: Sendable, Equatable {
  package var stream: Int64
  package var rows: [RowKey]

  package init(stream: Int64, rows: [RowKey]) {
    self.stream = stream
    self.rows = rows
  }
}

/// A frame `error`.
///
/// `{code, message, pointer?, lane?, retryAfter?, details?}`
package struct SyncError: Sendable, Equatable {
  /// `malformed`, `unauthenticated`, `upgrade_required`, `device_revoked`,
  /// `gate_closed`, `too_large`, `overloaded`, `draining` or `internal`.
  package var code: String
  package var message: String
  package var pointer: String?
  package var lane: Lane?
  package var retryAfterSeconds: Int?
  /// What a person needs to know further, such as the next requirement of the gate.
  package var details: JSONObject

  package init(
    code: String, message: String, pointer: String? = nil, lane: Lane? = nil,
    retryAfterSeconds: Int? = nil, details: JSONObject = JSONObject()
  ) {
    self.code = code
    self.message = message
    self.pointer = pointer
    self.lane = lane
    self.retryAfterSeconds = retryAfterSeconds
    self.details = details
  }
}

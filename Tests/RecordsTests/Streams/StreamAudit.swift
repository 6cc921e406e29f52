import Queries
import RoostCore
import Rules
import Schema
import SyncProtocol
import Testing

@testable import Records

/// Compares the stream index, the masks, the grants and the edges of a database with what the rules
/// make of its rows from scratch, and each state with the one before.
struct StreamAudit {
  private struct Place: Hashable {
    let stream: Int64
    let collection: Int64
    let id: UUID
  }

  private struct Entry: Equatable {
    let seq: Int64
    let mask: Int64
    let kind: Int64
    /// The values of the tier inside the mask that are not null; nil for what was removed.
    let shown: [String: FieldValue]?
    /// The fields of the mask.
    let members: FieldSet
  }

  private struct Head {
    let scope: ScopeConjunction
    let tier: String
    let seq: Int64
    let removal: Int64
  }

  private var before: [Place: Entry] = [:]
  private var headsBefore: [Int64: Head] = [:]
  /// How often an entry stayed although its row had changed: a test that never sees it proves nothing.
  private(set) var rested = 0
  private(set) var moved = 0

  /// Looks at the database after one write (or one start).
  ///
  /// `isSingle` says that no row was changed more than once, so that every sequence is still there.
  mutating func look(at house: RecordsHouse, _ context: String, isSingle: Bool = true) async throws
  {
    let rows = try await StreamAudit.rows(house)
    let heads = try await StreamAudit.heads(house)
    let entries = try await StreamAudit.entries(house, rows, heads)
    let catalogue = house.records.catalogue
    let comment = Comment(rawValue: context)
    var found: Set<String> = []
    for (place, entry) in entries {
      let head = try #require(heads[place.stream])
      #expect(entry.seq >= 1 && entry.seq <= head.seq, comment)
      if entry.kind == 1 {
        found.insert(
          "\(head.tier) \(head.scope.text) \(place.collection) \(place.id) \(entry.mask)")
      }
    }
    let wanted = try await StreamAudit.wantedEntries(house, rows)
    #expect(found == wanted, comment)
    let given = Set(
      rows.flatMap { row in
        catalogue.scopes.contributions(of: row).map {
          "\($0) by \(catalogue.collections[row.collection].number) \(row.id)"
        }
      })
    #expect(try await StreamAudit.contributions(house) == given, comment)
    compare(entries, heads, comment, isSingle)
    before = entries
    headsBefore = heads
  }

  /// Sequences go on without holes, and entries move for a reason only.
  private mutating func compare(
    _ entries: [Place: Entry], _ headsNow: [Int64: Head], _ comment: Comment, _ isSingle: Bool
  ) {
    var last: [Int64: Int64] = [:]
    var count: [Int64: Int64] = [:]
    var removal: [Int64: Int64] = [:]
    for (place, entry) in entries {
      let old = before[place]
      let isNew = entry.seq > (headsBefore[place.stream]?.seq ?? 0)
      if isNew {
        moved += 1
        count[place.stream, default: 0] += 1
        last[place.stream] = max(last[place.stream] ?? 0, entry.seq)
        // In a slower tier less of a row is news that must not wait.
        let isNarrower =
          headsNow[place.stream]?.tier != "LIVE" && old?.kind == 1
          && !(old?.members.subtracting(entry.members).isEmpty ?? true)
        if entry.kind != 1 || isNarrower {
          removal[place.stream] = max(removal[place.stream] ?? 0, entry.seq)
        }
      } else {
        #expect(old?.seq == entry.seq, comment)
      }
      let differs =
        old?.kind != entry.kind || old?.mask != entry.mask || old?.shown != entry.shown
      #expect(isNew || !differs, "\(comment): an entry changed where it stood")
      if isSingle { #expect(!isNew || differs, "\(comment): an entry moved for nothing") }
      if !isNew, !differs, entry.kind == 1 { rested += 1 }
    }
    for place in before.keys { #expect(entries[place] != nil, comment) }
    var streams: Set<Int64> = []
    for place in entries.keys { streams.insert(place.stream) }
    for (stream, head) in headsNow {
      let old = headsBefore[stream]
      let given = head.seq - (old?.seq ?? 0)
      if isSingle {
        #expect(given == count[stream] ?? 0, "\(comment): sequences have holes")
      } else {
        #expect(given >= count[stream] ?? 0, comment)
      }
      if let end = last[stream] { #expect(end == head.seq, "\(comment): a head runs ahead") }
      #expect(head.removal >= removal[stream] ?? old?.removal ?? 0, comment)
      #expect(head.removal == removal[stream] ?? old?.removal ?? 0 || !isSingle, comment)
    }
  }

  // MARK: What there is

  /// All rows of all collections, deleted ones too.
  static func rows(_ house: RecordsHouse) async throws -> [RowImage] {
    try await house.database.read(.snapshot) { reader in
      var rows: [RowImage] = []
      for collection in house.records.catalogue.collections {
        rows += try await reader.all(
          "SELECT \(collection.selectList) FROM \(collection.table) ORDER BY id"
        ) { collection.image($0) }
      }
      return rows
    }
  }

  private static func heads(_ house: RecordsHouse) async throws -> [Int64: Head] {
    let rows = try await house.database.read(.statement) { reader in
      try await reader.all("SELECT stream, scope, tier, seq, removal_seq FROM roost_scope_head") {
        ($0.int64(0), $0.text(1), $0.text(2), $0.int64(3), $0.int64(4))
      }
    }
    var heads: [Int64: Head] = [:]
    for (stream, text, tier, seq, removal) in rows {
      let scope = try #require(ScopeConjunction(text: text))
      heads[stream] = Head(scope: scope, tier: tier, seq: seq, removal: removal)
    }
    return heads
  }

  private static func entries(
    _ house: RecordsHouse, _ rows: [RowImage], _ heads: [Int64: Head]
  ) async throws -> [Place: Entry] {
    let catalogue = house.records.catalogue
    var images: [ResolvedRows.Key: RowImage] = [:]
    for row in rows { images[ResolvedRows.Key(row.collection, row.id)] = row }
    let stored = try await house.database.read(.statement) { reader in
      try await reader.all(
        "SELECT stream, coll, id, seq, coalesce(mask, 0), kind FROM roost_scope_row"
      ) {
        (
          Place(stream: $0.int64(0), collection: $0.int64(1), id: $0.uuid(2) ?? .zero),
          $0.int64(3), $0.int64(4), $0.int64(5)
        )
      }
    }
    // Not every engine has indexes that would refuse a second one.
    #expect(Set(stored.map(\.0)).count == stored.count, "a row stands twice in a stream")
    #expect(
      Set(stored.map { [$0.0.stream, $0.1] }).count == stored.count, "a sequence is given twice")
    var entries: [Place: Entry] = [:]
    for (place, seq, mask, kind) in stored {
      let collection = try #require(catalogue.collection(number: place.collection))
      var shown: [String: FieldValue]?
      var fields = FieldSet()
      if kind == 1 {
        let row = try #require(images[ResolvedRows.Key(collection.index, place.id)])
        let members = try await house.database.read(.statement) { reader in
          try await MaskTable.fields(mask, of: collection, in: reader)
        }
        var values: [String: FieldValue] = [:]
        fields = try #require(members)
        let tier = try #require(SyncPolicy.Tier(rawValue: heads[place.stream]?.tier ?? ""))
        let here = collection.streamed.tiers.shown(fields, in: tier)
        for member in here.members where row.values[member] != .null {
          values[collection.fields[member].name] = row.values[member]
        }
        shown = values
      }
      entries[place] = Entry(seq: seq, mask: mask, kind: kind, shown: shown, members: fields)
    }
    return entries
  }

  private static func contributions(_ house: RecordsHouse) async throws -> Set<String> {
    try await house.database.read(.snapshot) { reader in
      let grants = try await reader.all(
        "SELECT \"user\", scope, by_coll, by_id FROM roost_grant"
      ) { row in
        ScopeContribution.grant(
          user: row.uuid(0) ?? .zero, scope: Scope(text: row.text(1)) ?? .anonymous
        ).by(row)
      }
      let edges = try await reader.all(
        "SELECT parent, child, by_coll, by_id FROM roost_scope_edge"
      ) { row in
        ScopeContribution.edge(
          parent: Scope(text: row.text(0)) ?? .anonymous,
          child: Scope(text: row.text(1)) ?? .anonymous
        ).by(row)
      }
      return Set(grants + edges)
    }
  }

  // MARK: What there should be

  private static func wantedEntries(
    _ house: RecordsHouse, _ rows: [RowImage]
  ) async throws -> Set<String> {
    let catalogue = house.records.catalogue
    let masks = try await house.database.read(.statement) { reader in
      try await reader.all("SELECT collection, members, number FROM roost_mask") {
        ("\($0.int64(0)) \($0.text(1))", $0.int64(2))
      }
    }
    let numbers = Dictionary(uniqueKeysWithValues: masks)
    var all = ResolvedRows()
    for row in rows { all.insert(row) }
    var wanted: Set<String> = []
    for row in rows {
      let collection = catalogue.collections[row.collection]
      let tier = collection.model.sync.tier
      guard tier != .serverOnly, tier != .localOnly else { continue }
      #expect(catalogue.scopes.missing(for: row, all).isEmpty)
      func want(_ scope: String, _ tier: SyncPolicy.Tier, _ fields: [Int]) {
        var mask: Int64? = 0
        if fields.count < collection.fields.count {
          let text = fields.map { collection.fieldNumbers[$0] }.sorted().map(String.init)
          mask = numbers["\(collection.number) \(text.joined(separator: ","))"]
        }
        wanted.insert("\(tier.rawValue) \(scope) \(collection.number) \(row.id) \(mask ?? -1)")
      }
      for entry in catalogue.scopes.entries(of: row, all) {
        let fields = collection.fields.indices.filter { entry.mask.contains($0) }
        want(entry.scope.text, tier, fields)
        for slower in [SyncPolicy.Tier.hourly, .daily, .onDemand] where slower != tier {
          let own = fields.filter { collection.fields[$0].sync?.tier == slower }
          if !own.isEmpty { want(entry.scope.text, slower, own) }
        }
      }
    }
    return wanted
  }

  /// What a caller sees by the entries of all streams that they are given: the fields of each row, by
  /// the name of the collection and the id.
  static func visible(
    to caller: Caller, _ house: RecordsHouse
  ) async throws -> [String: Set<String>] {
    let records = house.records
    let frames = try await house.database.read(.snapshot) { reader in
      let (held, heads) = try await records.reader(caller).heldStreams(in: reader)
      let all = try await reader.all("SELECT stream, scope FROM roost_scope_head") {
        (stream: $0.int64(0), scope: ScopeConjunction(text: $0.text(1)))
      }
      let expected = all.filter { entry in entry.scope.map { held.holds($0) } == true }
      #expect(heads.map(\.stream) == expected.map(\.stream).sorted())
      var frames: [[UInt8]] = []
      var streams = StreamReader(records, in: reader)
      for head in heads {
        var delta = DeltaWriter(stream: head.stream, from: 0)
        let step = try await streams.write(
          head.stream, head.tier, after: 0, end: head.sequence, room: .max, to: &delta)
        #expect(step.to == head.sequence)
        frames.append(delta.finish(to: step.to))
      }
      return frames
    }
    var seen: [String: Set<String>] = [:]
    for bytes in frames {
      guard case .delta(let delta) = try FrameReader(limits: StreamAudit.anySize).frame(bytes)
      else {
        Issue.record("not a delta")
        continue
      }
      for entry in delta.entries where entry.kind == .put {
        let names = entry.fields.map(\.key).filter { $0 != "createdAt" && $0 != "updatedAt" }
        seen["\(entry.row.collection) \(entry.row.id)", default: []].formUnion(names)
      }
    }
    return seen
  }

  private static var anySize: FrameLimits {
    var limits = FrameLimits()
    limits.bytes = .max
    return limits
  }

  /// The same by a list of each collection under the rules.
  static func listed(
    to caller: Caller, _ house: RecordsHouse
  ) async throws -> [String: Set<String>] {
    var seen: [String: Set<String>] = [:]
    for collection in house.records.catalogue.collections
    where collection.isSynced && !house.records.reader(caller).access(collection).isNever {
      for item in try await house.list(collection.name, ListQuery(limit: 10_000), by: caller) {
        let names = collection.fields.map(\.name).filter { item[$0] != nil }
        seen["\(collection.name) \(RecordsHouse.uuid(item["id"]))"] = Set(names)
      }
    }
    return seen
  }
}

extension ScopeContribution {
  fileprivate func by(_ row: any Row) -> String {
    "\(self) by \(row.int64(2)) \(row.uuid(3) ?? .zero)"
  }
}

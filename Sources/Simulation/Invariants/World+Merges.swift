import Queries
import RoostCore
import RoostServer
import SyncProtocol
import Transport

/// What the values must be, by what was accepted and nothing else.
extension World {
  /// What the accepted operations on one gig, or one piece of news, come to.
  struct Account {
    /// By the name of the field, and of the member of `notes`: the last write by its stamp, which the
    /// creation has none of: it is before every edit.
    var last: [String: (stamp: Stamp?, value: JSON)] = [:]
    /// Of which of these the stamps are not known for sure.
    var unsure: Set<String> = []
    /// Fields that take what was made on what stands.
    var compared: [String: ComparedField] = [:]
    /// What the server made otherwise of them, by the field.
    var faults: [String: String] = [:]
    var level: Int?
    var reads: Int64 = 0
    var plays: Int64 = 0
    var best: Int64?
    var least: Int64?
    var tags: Set<String> = []
    var trail: Set<String> = []
    var hasMood = false
  }

  /// 5, 6 and 17: counters, maxima, unions and last writes of every gig.
  func checkMerges(_ results: [ChainHash: Kept], _ views: [ServerView]) async throws {
    var accounts: [UUID: Account] = [:]
    let disputes = try await disputes()
    let taken = ledger.operations.compactMap { oid, operation in
      results[oid].map { (order: $0.order, kept: $0, operation: operation) }
    }.sorted { $0.order < $1.order }
    for (_, kept, operation) in taken where kept.isAccepted {
      let changes = operation.sent ?? operation.operations.map(WorldWords.first)
      let disputed = disputes.values.filter { $0.oid == operation.oid }.map(\.mine)
      for change in changes {
        World.add(change, of: operation, to: &accounts)
        World.compare(
          change, of: operation, disputed.count == kept.disputes ? disputed : nil, disputes,
          to: &accounts)
      }
    }
    for (person, view) in zip(server.people, views) {
      for (id, row) in (view.rows["gigs"] ?? [:]).sorted(by: { $0.key < $1.key }) {
        guard let account = accounts[id], row["owner"]?.string == person.id.description else {
          continue
        }
        check(row, id, account)
      }
      for (id, row) in (view.rows["news"] ?? [:]).sorted(by: { $0.key < $1.key }) {
        guard let account = accounts[id], row["owner"]?.string == person.id.description,
          row["reads"]?.int ?? 0 != account.reads
        else { continue }
        breach(.counters, "reads of \(id) is \(row["reads"]?.text ?? "null"), not \(account.reads)")
      }
    }
  }

  private static func add(
    _ change: ClientOperation, of operation: Ledger.Operation, to accounts: inout [UUID: Account]
  ) {
    switch change {
    case .create("gigs", let id, let fields):
      var account = Account()
      for (name, value) in fields { account.add(name, value, operation, isCreation: true) }
      accounts[id] = account
    case .update("news", let id, let fields, _):
      accounts[id, default: Account()].reads += fields["reads"]?["$increment"]?.int ?? 0
    case .create("news", let id, _):
      if accounts[id] == nil { accounts[id] = Account() }
    case .update("gigs", let id, let fields, _):
      var account = accounts[id] ?? Account()
      for (name, value) in fields { account.add(name, value, operation) }
      accounts[id] = account
    case .action("cheer", let arguments):
      guard let id = arguments["gig"]?.string.flatMap({ UUID($0) }) else { return }
      accounts[id, default: Account()].plays += arguments["by"]?.int ?? 0
    default: break
    }
  }

  private func check(_ row: JSONObject, _ id: UUID, _ account: Account) {
    if row["plays"]?.int ?? 0 != account.plays {
      breach(
        .counters,
        "plays of \(id) is \(row["plays"]?.text ?? "null"), the accepted increments are "
          + "\(account.plays)")
    }
    func expect(_ name: String, _ wanted: JSON?) {
      guard let wanted, row[name] ?? .null != wanted else { return }
      breach(
        .merges, "\(name) of \(id) is \(row[name]?.text ?? "null") and should be \(wanted.text)")
    }
    expect("best", account.best.map { .int($0) })
    expect("least", account.least.map { .int($0) })
    expect("level", account.level.map { .string(World.levels[$0]) })
    if !ledger.touched.contains(id) {
      for name in ComparedField.strategies.keys.sorted() where !account.unsure.contains(name) {
        expect(name, account.compared[name]?.value)
        if let fault = account.faults[name] { breach(.conflicts, "\(name) of \(id): \(fault)") }
      }
      for name in ["title", "fee", "streak"] where !account.unsure.contains(name) {
        expect(name, account.last[name]?.value)
      }
      if !account.unsure.contains("notes") { checkNotes(row["notes"]?.object, id, account) }
    }
    let tags = Set((row["tags"]?.array ?? []).compactMap(\.string))
    if tags != account.tags {
      breach(.merges, "tags of \(id) are \(tags.sorted()), and should be \(account.tags.sorted())")
    }
    let trail = (row["trail"]?.array ?? []).compactMap(\.string)
    if trail.sorted() != account.trail.sorted() {
      breach(.merges, "trail of \(id) is \(trail), and should have \(account.trail.sorted())")
    }
    if account.hasMood, row["mood"] == nil {
      breach(.lenses, "mood of \(id) was set, and is gone")
    }
  }

  /// A document has, by each of its keys, what was written there last.
  private func checkNotes(_ notes: JSONObject?, _ id: UUID, _ account: Account) {
    var wanted: [String: JSON] = [:]
    for (name, last) in account.last where name.hasPrefix("notes ") && !last.value.isNull {
      wanted[String(name.dropFirst(6))] = last.value
    }
    var found: [String: JSON] = [:]
    for (key, value) in notes ?? JSONObject() { found[key] = value }
    if found != wanted {
      breach(.merges, "notes of \(id) are \(found), and should be \(wanted)")
    }
  }

  fileprivate static let levels = ["BRONZE", "SILVER", "GOLD"]

  // MARK: Conflicts

  /// 19: a conflict is resolved at most once, and has both values.
  func checkConflicts(_ results: [ChainHash: Kept]) async throws {
    var resolved: [UUID: ChainHash] = [:]
    let oids = ledger.operations.keys.sorted { $0.isBefore($1) }
    for oid in oids {
      guard let operation = ledger.operations[oid], results[oid]?.isAccepted == true else {
        continue
      }
      for case .resolve(let conflict, _) in operation.operations {
        if let other = resolved[conflict] {
          breach(.conflicts, "\(conflict) was resolved by \(other) and by \(oid)")
        }
        resolved[conflict] = oid
      }
    }
    let stored = try await server.look { reader in
      try await reader.all("SELECT id, theirs, mine, state FROM roost_conflict") { row in
        (
          id: row.uuid(0) ?? .zero, theirs: row.optionalText(1), mine: row.optionalText(2),
          isResolved: row.int64(3) != 0
        )
      }
    }
    for conflict in stored where conflict.theirs == nil || conflict.mine == nil {
      breach(.conflicts, "\(conflict.id) lacks one of its values")
    }
    let open = Set(stored.filter { !$0.isResolved }.map(\.id))
    for (conflict, oid) in resolved where open.contains(conflict) {
      breach(.conflicts, "\(conflict) was resolved by \(oid), and is open")
    }
    try await checkAbandoned()
  }

  /// What is to be decided goes with the row that it is about.
  private func checkAbandoned() async throws {
    let abandoned = try await server.look { reader in
      try await reader.all(
        """
        SELECT c.id, c.row_id FROM roost_conflict c WHERE c.state = 0 AND NOT EXISTS \
        (SELECT 1 FROM gigs g WHERE g.id = c.row_id AND g.\(identifier: "deletedAt") IS NULL)
        """
      ) { row in (id: row.uuid(0) ?? .zero, row: row.uuid(1) ?? .zero) }
    }
    for conflict in abandoned {
      breach(.conflicts, "\(conflict.id) is open, and its row \(conflict.row) is gone")
    }
  }

  // MARK: The state

  /// A digest of everything that people see, for the comparison of engines.
  func stateDigest(_ views: [ServerView]) -> UInt64 {
    var digest = Trace(keepsLines: false)
    for view in views {
      for collection in WorldSchema.synced {
        let rows = view.rows[collection] ?? [:]
        for id in rows.keys.sorted() {
          digest.note("\(collection) \(id) \(JSON.object(rows[id] ?? JSONObject()).text)")
        }
      }
    }
    return digest.hash
  }
}

extension World.Account {
  fileprivate mutating func add(
    _ name: String, _ value: JSON, _ operation: Ledger.Operation, isCreation: Bool = false
  ) {
    if isCreation, name == "title" || name == "streak" { return last[name] = (nil, value) }
    switch name {
    case "title", "fee": write(name, value, operation)
    case "streak":
      // What the field's rule does not accept changes nothing.
      if let days = value.int, days >= 0 { write("streak", value, operation) }
    case "notes":
      guard let object = value.object else { return _ = unsure.insert("notes") }
      for (key, value) in object { write("notes " + key, value, operation, of: "notes") }
    case "level":
      let place = value.string.flatMap { World.levels.firstIndex(of: $0) }
      level = max(level ?? 0, place ?? 0)
    case "plays": plays += value["$increment"]?.int ?? value.int ?? 0
    case "best": best = max(best ?? .min, value.int ?? .min)
    case "least": least = min(least ?? .max, value.int ?? .max)
    case "tags": tags.formUnion((value["$add"]?.array ?? []).compactMap(\.string))
    case "trail": trail.formUnion((value["$add"]?.array ?? []).compactMap(\.string))
    case "mood": hasMood = true
    default: break
    }
  }

  /// Notes a write; one whose stamp is not sure tells nothing.
  private mutating func write(
    _ name: String, _ value: JSON, _ operation: Ledger.Operation, of field: String? = nil
  ) {
    guard let stamp = operation.taken, !operation.isClamped else {
      unsure.insert(field ?? name)
      return
    }
    if let standing = last[name]?.stamp, standing > stamp { return }
    last[name] = (stamp, value)
  }
}

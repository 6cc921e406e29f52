import Queries
import Records
import RoostCore
import Schema
import Testing

/// A schema with everything that can be derived, and what its values are by a model in memory.
enum DerivedSchema {
  static let text = """
    enum Status { PLANNED PLAYED }
    type Label @collection @allow(ops: [ALL]) {
      name: String!
      bands: [Band!] @relation(inverse: "label")
      played: Int64! @derived(from: "bands", sum: "played")
    }
    type Band @collection @merge(strategy: REJECT) @allow(ops: [ALL]) {
      name: String!
      label: Label @relation(onDelete: SET_NULL)
      performances: [Performance!] @relation(inverse: "band")
      played: Int! @derived(from: "performances", count: true, where: "status == PLAYED")
      tickets: Int64 @derived(from: "performances", sum: "tickets", where: "status == PLAYED")
      gigs: Int @derived(from: "performances", count: true)
      first: DateTime @derived(from: "performances", min: "startsAt")
      last: DateTime @derived(from: "performances", max: "startsAt")
      best: Float @derived(from: "Performance.band", max: "rating")
      newest: String @derived(from: "performances", latest: "title", order: "startsAt")
    }
    type Performance @collection @allow(ops: [ALL]) {
      band: Band @relation(onDelete: CASCADE)
      title: String!
      status: Status!
      tickets: Int
      rating: Float
      startsAt: DateTime!
    }
    type BandMonth @view(of: "Performance", where: "status == PLAYED") @allow(ops: [READ]) {
      band: Band! @group(by: "band")
      month: Date! @group(by: "startsAt", part: MONTH)
      played: Int! @derived(count: true)
      tickets: Int64! @derived(sum: "tickets")
      most: Int @derived(max: "tickets")
    }
    """

  /// What `bands` and `bandMonths` hold, from the performances alone; each as text, sorted.
  static func expected(_ house: RecordsHouse) async throws -> [String] {
    var lines: [String] = []
    let performances = try await DerivedSchema.every("performances", house)
    let bands = try await DerivedSchema.every("bands", house)
    var played: [String: Int64] = [:]
    for band in bands {
      let id = band["id"]?.string ?? ""
      let own = performances.filter { $0["band"]?.string == id }
      let shown = own.filter { $0["status"]?.string == "PLAYED" }
      let starts = own.compactMap { $0["startsAt"]?.string }.sorted()
      let newest = own.max {
        ($0["startsAt"]?.string ?? "", $0["id"]?.string ?? "")
          < ($1["startsAt"]?.string ?? "", $1["id"]?.string ?? "")
      }
      let tickets = shown.compactMap { $0["tickets"]?.int }.reduce(0, +)
      let best = own.compactMap { $0["rating"] }.compactMap(\.double).max()
      played[band["label"]?.string ?? "", default: 0] += Int64(shown.count)
      lines.append(
        "band \(id) \(shown.count) \(tickets) \(own.count) \(starts.first ?? "-") "
          + "\(starts.last ?? "-") \(best.map { "\($0)" } ?? "-") "
          + (newest?["title"]?.string ?? "-"))
      let months = Dictionary(grouping: shown) { $0["startsAt"]?.string?.prefix(7) ?? "" }
      for (month, rows) in months {
        let sold = rows.compactMap { $0["tickets"]?.int }
        lines.append(
          "month \(id) \(month)-01 \(rows.count) \(sold.reduce(0, +)) "
            + (sold.max().map { "\($0)" } ?? "-"))
      }
    }
    for label in try await DerivedSchema.every("labels", house) {
      let id = label["id"]?.string ?? ""
      lines.append("label \(id) \(played[id] ?? 0)")
    }
    return lines.sorted()
  }

  /// The same as the records show it.
  static func shown(_ house: RecordsHouse) async throws -> [String] {
    var lines: [String] = []
    for band in try await DerivedSchema.every("bands", house) {
      lines.append(
        "band \(band["id"]?.string ?? "") \(band["played"]?.int ?? -1) "
          + "\(band["tickets"]?.int ?? -1) \(band["gigs"]?.int ?? -1) "
          + "\(band["first"]?.string ?? "-") \(band["last"]?.string ?? "-") "
          + "\(band["best"]?.double.map { "\($0)" } ?? "-") \(band["newest"]?.string ?? "-")")
    }
    for month in try await DerivedSchema.every("bandMonths", house) {
      lines.append(
        "month \(month["band"]?.string ?? "") \(month["month"]?.string ?? "") "
          + "\(month["played"]?.int ?? -1) \(month["tickets"]?.int ?? -1) "
          + (month["most"]?.int.map { "\($0)" } ?? "-"))
    }
    for label in try await DerivedSchema.every("labels", house) {
      lines.append("label \(label["id"]?.string ?? "") \(label["played"]?.int ?? -1)")
    }
    return lines.sorted()
  }

  static func every(_ name: String, _ house: RecordsHouse) async throws -> [JSON] {
    var query = ListQuery()
    query.limit = 200
    let rows = try await house.list(name, query)
    try #require(rows.count < 200, "the model reads one page")
    return rows
  }
}

/// Waits until a follower has taken into account what concerns it, with a generous bound.
func settle(_ follower: any Follower, _ house: RecordsHouse) async throws {
  for _ in 0..<3000 {
    let status = try await house.database.read(.snapshot) { reader in
      try await FollowerStatus.read(follower, in: reader)
    }
    if status.behind == 0 { return }
    try await Task.sleep(nanoseconds: 10_000_000)
  }
  Issue.record("\(follower.name) does not keep up")
}

extension RecordsHouse {
  /// Carries a rebuild out, and what a change of the schema left.
  func rebuild() async throws {
    for _ in 0..<100_000 {
      let records = records
      if try await database.write({ try await records.rebuildStep(in: $0) }) == .done { return }
    }
    Issue.record("a rebuild does not end")
  }
}

/// A log of which nothing is kept: for what is to fail.
struct Silence: LogSink {
  func write(_ line: [UInt8]) {}
}

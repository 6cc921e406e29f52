import Accounts
import Records
import RoostCore

/// The lines that are committed together, in the order of the file.
struct ImportBatch: Sendable {
  enum Work: Sendable {
    /// A create, and which fields the line gives, by index.
    case record(PreparedCreate, given: [Int])
    case account(AccountPlan.Draft)
    /// An account that comes back.
    case person(AccountRecord)
    /// Refused before it came to the database.
    case refused([FieldIssue])
  }

  struct Line: Sendable {
    let span: SourceSpan
    let work: Work
  }

  var lines: [Line] = []
  /// The accounts that the records need and that may be missing.
  var accounts: [UUID] = []
  /// Lines with times ahead of the clock, which became those of the import.
  var timesReplaced = 0
  /// Where reading stood afterwards, and the number of the line there.
  var position: Int64 = 0
  var line = 1

  var creates: [(create: PreparedCreate, given: [Int])] {
    lines.compactMap {
      if case .record(let create, let given) = $0.work { (create, given) } else { nil }
    }
  }

  var returning: [AccountRecord] {
    lines.compactMap { if case .person(let account) = $0.work { account } else { nil } }
  }

  var people: [AccountPlan.Draft] {
    lines.compactMap { if case .account(let draft) = $0.work { draft } else { nil } }
  }
}

/// Reads a file and makes batches of it: everything that can be done without the database.
struct BatchSource {
  private var reader: RecordReader
  private let target: ImportTarget
  private let records: RecordStore
  private let maximumRows: Int
  private let time: any TimeSource
  private var bound: TimeBound
  /// Accounts that earlier batches make.
  ///
  /// Forgotten when there are many: to ask for one again costs little, and memory stays flat.
  private var made: Set<UUID> = []

  /// Bytes of source lines in a batch, about.
  private static let batchBytes: Int64 = 4_000_000
  private static let rememberedAccounts = 65_536

  init(
    _ reader: RecordReader, _ target: ImportTarget, _ records: RecordStore, maximumRows: Int,
    time: any TimeSource
  ) {
    self.reader = reader
    self.target = target
    self.records = records
    self.maximumRows = maximumRows
    self.time = time
    bound = TimeBound(now: time.now())
  }

  /// The next batch, or nil at the end of the file.
  mutating func next() throws -> ImportBatch? {
    var batch = ImportBatch()
    batch.lines.reserveCapacity(maximumRows)
    let start = reader.position
    bound = TimeBound(now: time.now())
    while batch.lines.count < maximumRows, reader.position - start < BatchSource.batchBytes,
      let record = try reader.next()
    {
      let work = try self.work(record, &batch)
      batch.lines.append(ImportBatch.Line(span: record.span, work: work))
    }
    batch.timesReplaced = bound.replaced
    batch.position = reader.position
    batch.line = reader.line
    return batch.lines.isEmpty ? nil : batch
  }

  private mutating func work(
    _ record: SourceRecord, _ batch: inout ImportBatch
  ) throws -> ImportBatch.Work {
    if case .broken(let code, let message) = record.content {
      return .refused([FieldIssue(pointer: "", code: code, message: message)])
    }
    do {
      switch target {
      case .accounts(let plan): return .account(try plan.draft(record.content))
      case .people:
        guard case .members(let members) = record.content else { break }
        return .person(bound.held(try AccountLine.account(members)))
      case .restored(let plan):
        let draft = try plan.draft(record.content)
        let create = try records.systemCreate(
          plan.collection, draft.body, stamp: bound.held(draft.stamp), awaiting: plan.awaited)
        return .record(create, given: plan.given)
      case .records(let plan):
        let draft = try plan.draft(record.content)
        let create = try records.systemCreate(plan.collection, draft.body)
        for account in draft.accounts { remember(account, &batch) }
        let given = draft.body.object?.members.compactMap { plan.collection.index(of: $0.key) }
        return .record(create, given: given ?? [])
      }
      return .refused([FieldIssue(pointer: "", code: "json", message: "a JSON object is expected")])
    } catch let refusal as RecordPlan.Refusal {
      return .refused(refusal.issues)
    } catch let error as RoostError where error.isOfOneLine {
      return .refused(error.asIssues)
    }
  }

  private mutating func remember(_ account: UUID, _ batch: inout ImportBatch) {
    if made.count >= BatchSource.rememberedAccounts { made.removeAll(keepingCapacity: true) }
    if made.insert(account).inserted { batch.accounts.append(account) }
  }
}

extension RoostError {
  /// Whether another line may fare better; else the import stops.
  var isOfOneLine: Bool {
    switch code {
    case .invalid, .conflict, .malformed, .notFound, .forbidden, .gone, .payloadTooLarge: true
    default: false
    }
  }

  /// The faults, at least one.
  var asIssues: [FieldIssue] {
    issues.isEmpty ? [FieldIssue(pointer: "", code: code.rawValue, message: detail)] : issues
  }
}

import Queries
import RoostCore
import Schema
import SyncProtocol

/// An operation of a mutation that cannot be carried out.
struct OperationFailure: Error {
  /// Its place among the operations, from 0.
  let index: Int
  let operation: ClientOperation
  let error: any Error
}

/// Refusals as results: with a code that programs tell apart, and a text for a person.
enum PushRefusal {
  /// Whether an error says nothing of the mutation: who pushes is nobody any more.
  static func isOfWhole(_ error: RoostError) -> Bool { error.code == .unauthenticated }

  /// So many faults of a mutation are told and kept.
  static let shownIssues = 20
  /// So many bytes of values are: a device has them by its streams too, and a few bytes that it
  /// pushes may be refused for megabytes that stand there.
  static let shownBytes = 16_384

  /// A fault of a request with its place in the mutation: what stands before that is left out, since
  /// the mutation may come again in another place.
  static func placed(_ fault: FieldIssue) -> FieldIssue {
    let parts = fault.pointer.split(separator: "/", omittingEmptySubsequences: false)
    let start = parts.firstIndex(of: "muts").map { $0 + 2 }.flatMap { $0 < parts.count ? $0 : nil }
    return FieldIssue(
      pointer: start.map { "/" + parts[$0...].joined(separator: "/") } ?? fault.pointer,
      code: fault.code, message: fault.message)
  }

  /// The result of a mutation that failed by `failure`; nil where the fault is the server's, so that
  /// later, elsewhere or with more room the same mutation may well be carried out.
  static func result(_ failure: OperationFailure, seq: Int64) -> MutationResult? {
    switch failure.error {
    case let mismatch as BaseMismatch: return result(mismatch, seq)
    case ConflictRefusal.closed:
      return MutationResult(
        seq: seq, .rejected, code: "closed",
        message: "This was decided before: what was chosen then stands.")
    case ConflictRefusal.ended, ConflictRefusal.moot:
      return MutationResult(
        seq: seq, .rejected, code: "closed",
        message: "What was to be decided is no longer there.")
    case ConflictRefusal.outdated(_, _, let shown):
      return MutationResult(
        seq: seq, .rejected, code: "outdated",
        message: "The value has changed once more since you looked: choose again.",
        values: fitting(shown.map { [($0.name, $0.value)] } ?? []))
    case let unknown as UnknownAction: return result(unknown, failure.index, seq)
    case let unknown as UnknownCollection: return result(unknown, failure.index, seq)
    case let error as HandlerFailure:
      return MutationResult(
        seq: seq, .rejected, code: "failed",
        message: "The action \(error.action) failed: nothing was changed.")
    case let error as RoostError where !isOfWhole(error) && ServerFault(error) == nil:
      return result(error, failure, seq)
    case is ConstraintViolation:
      return MutationResult(
        seq: seq, .rejected, code: "taken",
        message: "Another record has the same unique values.")
    default: return nil
    }
  }

  private static func result(_ mismatch: BaseMismatch, _ seq: Int64) -> MutationResult {
    let collection = mismatch.collection
    let values = mismatch.theirs.map { index, value in
      (collection.fields[index].name, collection.json(value, of: index))
    }
    return MutationResult(
      seq: seq, .rejected, code: "conflict",
      message: "Somebody else has changed this record of \(collection.name) since you saw it: "
        + "look at it again, and repeat your change if you still want it.",
      values: fitting(values))
  }

  /// Those of the values that there is room for.
  private static func fitting(_ values: [(String, JSON)]) -> JSONObject {
    var room = shownBytes
    return JSONObject(
      uniqueMembers: values.filter { _, value in
        let bytes = value.text.utf8.count
        guard bytes <= room else { return false }
        room -= bytes
        return true
      })
  }

  private static func result(
    _ unknown: UnknownAction, _ index: Int, _ seq: Int64
  ) -> MutationResult {
    let technical = "There is no action \"\(unknown.name.prefix(60))\"."
    return MutationResult(
      seq: seq, .rejected, code: ErrorCode.notFound.rawValue, message: ClientFault.told(technical),
      issues: [
        FieldIssue(pointer: "/ops/\(index)/name", code: "unknown_action", message: technical)
      ])
  }

  /// The app may be older than the server, so the person is told what they can do about that.
  private static func result(
    _ unknown: UnknownCollection, _ index: Int, _ seq: Int64
  ) -> MutationResult {
    let technical = "There is no collection \"\(unknown.name.prefix(60))\".\(unknown.hint)"
    return MutationResult(
      seq: seq, .rejected, code: ErrorCode.invalid.rawValue,
      message: "The app has no collection \"\(unknown.name.prefix(60))\": update the app on this "
        + "device.",
      issues: [
        FieldIssue(pointer: "/ops/\(index)/coll", code: "unknown_collection", message: technical)
      ])
  }

  private static func result(
    _ error: RoostError, _ failure: OperationFailure, _ seq: Int64
  ) -> MutationResult {
    MutationResult(
      seq: seq, .rejected, code: code(error, failure.operation), message: message(error, failure),
      issues: error.issues.prefix(shownIssues).map { issue in
        FieldIssue(
          pointer: "/ops/\(failure.index)/args" + issue.pointer, code: issue.code,
          message: issue.message)
      })
  }

  private static func message(_ error: RoostError, _ failure: OperationFailure) -> String {
    if error.code == .notFound, let row = failure.operation.row {
      return "This record of \(row.collection) is no longer there, or you may no longer see it."
    }
    // No person can name a field that is not there: the app did.
    let isOfApp = error.issues.contains { $0.code == "unknown_field" }
    return isOfApp ? ClientFault.told(error.detail) : error.detail
  }

  private static func code(_ error: RoostError, _ operation: ClientOperation) -> String {
    switch (error.code, operation) {
    case (.notFound, .update), (.notFound, .delete): "row_gone"
    case (.notFound, .resolve): "row_gone"
    case (.forbidden, _): "denied"
    case (.invalid, _): "invalid"
    case (.conflict, .create), (.conflict, .update), (.conflict, .resolve): "taken"
    case (.conflict, .delete): "restricted"
    case (.notImplemented, .action): "online_only"
    default: error.code.rawValue
    }
  }
}

extension CompiledCollection {
  /// A value of field `index` as it stands in a record.
  func json(_ value: FieldValue, of index: Int) -> JSON {
    var writer = JSONWriter()
    fields[index].encode(value, into: &writer)
    // What was just written can be read.
    return (try? JSON.parse(writer.bytes)) ?? .null
  }
}

import RoostCore
import SyncProtocol

/// How a result is kept for repeats: the word alone where that says all, else a JSON object.
enum StoredResult {
  static func text(_ result: MutationResult) -> String {
    guard
      result.code != nil || result.message != nil || !result.issues.isEmpty
        || !result.conflicts.isEmpty || !result.values.isEmpty
    else { return result.outcome.rawValue }
    var object = JSONObject()
    object["result"] = .string(result.outcome.rawValue)
    if let code = result.code { object["code"] = .string(code) }
    if let message = result.message { object["message"] = .string(message) }
    if !result.issues.isEmpty {
      object["errors"] = .array(
        result.issues.map { [.string($0.pointer), .string($0.code), .string($0.message)] })
    }
    if !result.conflicts.isEmpty {
      object["conflicts"] = .array(result.conflicts.map { .string($0.description) })
    }
    if !result.values.isEmpty { object["values"] = .object(result.values) }
    return JSON.object(object).text
  }

  /// What `text` made, for a repeat under `seq`; a text that cannot be read tells of the repeat alone.
  static func result(_ text: String, seq: Int64) -> MutationResult {
    if let outcome = MutationResult.Outcome(rawValue: text) {
      return MutationResult(seq: seq, outcome)
    }
    guard let object = try? JSON.parse(text: text).object,
      let outcome = object["result"]?.string.flatMap(MutationResult.Outcome.init(rawValue:))
    else { return MutationResult(seq: seq, .dup) }
    let issues = (object["errors"]?.array ?? []).compactMap { issue -> FieldIssue? in
      guard let parts = issue.array?.compactMap(\.string), parts.count == 3 else { return nil }
      return FieldIssue(pointer: parts[0], code: parts[1], message: parts[2])
    }
    return MutationResult(
      seq: seq, outcome, code: object["code"]?.string, message: object["message"]?.string,
      issues: issues,
      conflicts: (object["conflicts"]?.array ?? []).compactMap { $0.string.flatMap { UUID($0) } },
      values: object["values"]?.object ?? JSONObject())
  }
}

import RoostCore
import Rules
import Schema

/// The `@check` of a collection on the merged row.
enum Checks {
  /// The checks that read a changed field and are FALSE; NULL passes, as in SQL.
  static func issues(
    _ record: Record, changed: [Int], _ collection: CompiledCollection
  ) -> [FieldIssue] {
    guard !collection.rules.checks.isEmpty else { return [] }
    let evaluation = Evaluation(
      CallerFacts(.everyone, nil), record.image(collection), NoRelatedRows())
    return collection.rules.checks.compactMap { check in
      guard changed.contains(where: { check.fields.contains($0) }),
        evaluation.truth(check.expression) == false
      else { return nil }
      let field = check.fields.first { changed.contains($0) }
      return FieldIssue(
        pointer: field.map { "/" + collection.fields[$0].name } ?? "", code: "check",
        message: check.message)
    }
  }
}

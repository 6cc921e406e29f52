import RoostCore
import Schema

/// A mapping for a file that names accounts, resolved against its header.
struct AccountPlan: Sendable {
  /// An account to be made unless it is there.
  struct Draft: Sendable {
    let id: UUID
    let email: String?
  }

  private enum Identity {
    case key(ResolvedKey)
    case column(ResolvedColumn)
  }

  private let identity: Identity
  private let email: ResolvedColumn?

  /// Throws `ImportFault` where the mapping asks for more than `id` and `email`.
  init(_ mapping: ImportMapping, header: [String]?) throws {
    let resolver = ColumnResolver(mapping: mapping, header: header)
    switch try resolver.identity() {
    case .key(let key): identity = .key(key)
    case .column(let column): identity = .column(column)
    case .content:
      throw mapping.fault(
        SourcePlace(line: 1, column: 1), "accounts need an id: column, or id: { key: … }")
    }
    var email: ResolvedColumn?
    for rule in mapping.fields ?? [] {
      guard rule.field == "email", case .column(let name, let place, _) = rule.source else {
        throw mapping.fault(
          rule.place, "of an account only email: { column: … } is imported")
      }
      email = try resolver.column(name, place)
    }
    if mapping.fields == nil {
      if let header {
        email = header.firstIndex(of: "email").map { ResolvedColumn(name: "email", index: $0) }
        if let extra = header.first(where: { $0 != "id" && $0 != "email" }) {
          let unknown = "the column \"\(extra.prefix(60))\" is nothing of an account, which has id"
          throw ImportFault(
            exitStatus: 2, code: "unknown_field", unknown + " and email: write a mapping file")
        }
      } else {
        email = ResolvedColumn(name: "email", index: nil)
      }
    }
    self.email = email
    refusesOthers = mapping.fields == nil && header == nil
  }

  /// JSON Lines without a mapping: other members than `id` and `email` are faults.
  private let refusesOthers: Bool

  func draft(_ content: SourceRecord.Content) throws(RecordPlan.Refusal) -> Draft {
    let line = SourceLine(content: content)
    if refusesOthers {
      for (key, _) in line.members(nil) where key != "id" && key != "email" {
        throw refusal(
          key, "unknown_field", "An account has id and email, and no \(key.prefix(60)).")
      }
    }
    return Draft(id: try identify(line), email: try address(line))
  }

  private func identify(_ line: SourceLine) throws(RecordPlan.Refusal) -> UUID {
    switch identity {
    case .key(let key):
      guard let text = key.text(line) else { throw RecordPlan.Refusal(issues: [key.emptiness]) }
      return DerivedID.key(text)
    case .column(let column):
      guard let text = line.value(column)?.string, let id = UUID(text), id != .zero else {
        throw refusal("id", "type", "An account needs an id that is a UUID.")
      }
      return id
    }
  }

  private func address(_ line: SourceLine) throws(RecordPlan.Refusal) -> String? {
    guard let email, let value = line.value(email), !value.isNull else { return nil }
    guard let text = value.string else {
      throw refusal("email", "type", "email must be a text.")
    }
    return text.isEmpty ? nil : text
  }

  private func refusal(_ field: String, _ code: String, _ message: String) -> RecordPlan.Refusal {
    RecordPlan.Refusal(
      issues: [
        FieldIssue(pointer: "/" + String(field.prefix(60)), code: code, message: message)
      ])
  }
}

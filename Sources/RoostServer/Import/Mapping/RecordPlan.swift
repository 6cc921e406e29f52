import Records
import RoostCore
import Schema

/// A mapping resolved against a schema and a file's header: turns source records into bodies.
struct RecordPlan: Sendable {
  /// A record ready to be decoded by the write path, and the accounts that it needs.
  struct Draft {
    let id: UUID
    let body: JSON
    let accounts: [UUID]
  }

  /// What is wrong with a line.
  struct Refusal: Error {
    let issues: [FieldIssue]
  }

  enum Identity {
    case key(ResolvedKey)
    case column(ResolvedColumn)
    case content
  }

  enum Source {
    case column(ResolvedColumn, Field, keepsEmpty: Bool)
    /// The column that bears the field's name.
    case named(ResolvedColumn, Field)
    case reference(ResolvedKey)
    case account(ResolvedKey)
    case constant(JSON)
  }

  let collection: CompiledCollection
  private let identity: Identity
  /// Nil for JSON Lines without a mapping: the members are the fields.
  private let steps: [(field: String, source: Source)]?
  private let header: [String]?

  /// Throws `ImportFault` where the mapping names what the schema or the header has not.
  init(_ mapping: ImportMapping, _ collection: CompiledCollection, header: [String]?) throws {
    self.collection = collection
    self.header = header
    let resolver = ColumnResolver(mapping: mapping, header: header)
    identity = try resolver.identity()
    guard let rules = mapping.fields else {
      steps = try header.map { try RecordPlan.direct($0, collection, mapping) }
      return
    }
    steps = try rules.map { rule in
      (rule.field, try RecordPlan.source(rule, collection, mapping, resolver))
    }
  }

  private static func source(
    _ rule: ImportMapping.FieldRule, _ collection: CompiledCollection, _ mapping: ImportMapping,
    _ resolver: ColumnResolver
  ) throws -> Source {
    guard let field = collection.model.field(named: rule.field) else {
      let hint = nearest(rule.field, among: collection.fields.map(\.name))
      throw mapping.fault(
        rule.place,
        "\(collection.name) has no field \(rule.field.prefix(60))"
          + (hint.map { "; did you mean \($0)?" } ?? ""))
    }
    switch rule.source {
    case .column(let name, let place, let keepsEmpty):
      return .column(try resolver.column(name, place), field, keepsEmpty: keepsEmpty)
    case .reference(let template):
      switch field.type {
      case .reference, .user, .id, .string: break
      default:
        throw mapping.fault(
          rule.place, "\(field.name) is no reference: give it column: or value:")
      }
      return .reference(try resolver.key(template))
    case .account(let template):
      guard field.type == .user, !field.isList else {
        throw mapping.fault(rule.place, "\(field.name) is not a User: no account goes there")
      }
      return .account(try resolver.key(template))
    case .constant(let value):
      if case .failure(let issue) = field.decode(value, pointer: "/" + field.name) {
        throw mapping.fault(rule.place, issue.message)
      }
      return .constant(value)
    }
  }

  /// Columns that bear the names of fields.
  private static func direct(
    _ header: [String], _ collection: CompiledCollection, _ mapping: ImportMapping
  ) throws -> [(field: String, source: Source)] {
    var steps: [(field: String, source: Source)] = []
    for (index, name) in header.enumerated() where !isPassedOver(name) {
      guard let field = collection.model.field(named: name) else {
        let hint = nearest(name, among: collection.fields.map(\.name))
        throw ImportFault(
          exitStatus: 2, code: "unknown_field",
          "the column \"\(name.prefix(60))\" is no field of \(collection.name)"
            + (hint.map { " (did you mean \($0)?)" } ?? "")
            + ": rename it, or write a mapping file")
      }
      let column = ResolvedColumn(name: name, index: index)
      steps.append((name, .named(column, field)))
    }
    return steps
  }

  /// The id has its own way, and the rest is set by the server.
  private static func isPassedOver(_ name: String) -> Bool {
    switch name {
    case "id", "version", "createdAt", "updatedAt": true
    default: false
    }
  }

  // MARK: One record

  /// The body of a record, or what is wrong with its line.
  func draft(_ content: SourceRecord.Content) throws(Refusal) -> Draft {
    let line = SourceLine(content: content)
    let id = try identify(line)
    var members: [(key: String, value: JSON)] = [("id", .string(id.description))]
    var accounts: [UUID] = []
    guard let steps else {
      for member in line.members(header) where !RecordPlan.isPassedOver(member.key) {
        members.append(member)
      }
      return Draft(
        id: id, body: .object(JSONObject(uniqueMembers: members)), accounts: accounts)
    }
    members.reserveCapacity(steps.count + 1)
    var issues: [FieldIssue] = []
    for (name, source) in steps {
      switch source {
      case .column(let column, let field, let keepsEmpty):
        switch line.value(column, field, keepsEmpty: keepsEmpty) {
        case .success(let value?): members.append((name, value))
        case .success(nil): break
        case .failure(let issue): issues.append(issue)
        }
      case .named(let column, let field):
        switch line.named(column, field) {
        case .success(let value?): members.append((name, value))
        case .success(nil): break
        case .failure(let issue): issues.append(issue)
        }
      case .reference(let key):
        if let text = key.text(line) {
          members.append((name, .string(DerivedID.key(text).description)))
        }
      case .account(let key):
        if let text = key.text(line) {
          let account = DerivedID.key(text)
          accounts.append(account)
          members.append((name, .string(account.description)))
        }
      case .constant(let value): members.append((name, value))
      }
    }
    if !issues.isEmpty { throw Refusal(issues: issues) }
    return Draft(id: id, body: .object(JSONObject(uniqueMembers: members)), accounts: accounts)
  }

  private func identify(_ line: SourceLine) throws(Refusal) -> UUID {
    switch identity {
    case .key(let key):
      guard let text = key.text(line) else { throw Refusal(issues: [key.emptiness]) }
      return DerivedID.key(text)
    case .column(let column):
      guard let value = line.value(column), value != .string("") else { break }
      guard let text = value.string, let id = UUID(text), id != .zero else {
        throw Refusal(
          issues: [
            FieldIssue(
              pointer: "/id", code: "type",
              message: "The column \(column.name) holds no UUID; id: { key: … } makes one from "
                + "any text.")
          ])
      }
      return id
    case .content: break
    }
    return DerivedID.content(line.members(header), of: collection.name)
  }
}

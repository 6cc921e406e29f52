import RoostCore
import Rules
import Schema

/// Turns the JSON of a create or an update into a mutation: the first step of the write path.
///
/// Only fields of the schema that a caller may set are taken; everything else is an issue with its
/// pointer, and all issues of a body are reported together.
struct MutationDecoder {
  let collection: CompiledCollection
  let author: Mutation.Author
  let ambient: Ambient
  /// When the change was made, if it did not just arrive.
  let madeAt: OperationTime?
  private var issues: [FieldIssue] = []

  init(
    _ collection: CompiledCollection, author: Mutation.Author, ambient: Ambient,
    madeAt: OperationTime? = nil
  ) {
    self.collection = collection
    self.author = author
    self.ambient = ambient
    self.madeAt = madeAt
  }

  /// A create; `id` is taken from the body or made.
  mutating func create(_ body: JSON) throws -> Mutation {
    let members = try object(body)
    var given = [Bool](repeating: false, count: collection.fields.count)
    var changes: [FieldChange] = []
    changes.reserveCapacity(collection.fields.count)
    var id: UUID?
    for (key, value) in members {
      if let index = collection.index(of: key) {
        given[index] = true
        let field = collection.fields[index]
        let pointer = collection.pointers[index]
        guard isSettable(field, pointer) else { continue }
        if field.derivation != nil {
          given[index] = false
          continue
        }
        if let operation = set(field, value, pointer) {
          changes.append(FieldChange(field: index, operation: operation))
        }
      } else if key == "id" {
        id = identifier(value)
      } else {
        refuse(key)
      }
    }
    for index in collection.fields.indices where !given[index] {
      if let value = initialValue(index) {
        changes.append(FieldChange(field: index, operation: .set(value)))
      }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
    var named = FieldSet()
    for index in given.indices where given[index] { named.insert(index) }
    return mutation(.create, id ?? ambient.newID(), changes, named, expecting: .nothing)
  }

  /// An update of the row `id`: the fields in the body change, the others stay.
  mutating func update(_ id: UUID, _ body: JSON, expecting expectation: Expectation) throws
    -> Mutation
  {
    let members = try object(body)
    var changes: [FieldChange] = []
    for (key, value) in members {
      if let index = collection.index(of: key) {
        let field = collection.fields[index]
        let pointer = collection.pointers[index]
        guard isSettable(field, pointer), field.derivation == nil else { continue }
        if let operation = intent(field, value, pointer) ?? set(field, value, pointer) {
          changes.append(FieldChange(field: index, operation: operation))
        }
      } else if key == "id" {
        if let given = identifier(value), given != id {
          add("/id", "immutable", "The id of a record cannot change.")
        }
      } else {
        refuse(key)
      }
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
    let named = FieldSet(changes.map(\.field))
    return mutation(.update, id, changes, named, expecting: expectation)
  }

  /// A delete of the row `id`.
  func delete(_ id: UUID, expecting expectation: Expectation) -> Mutation {
    mutation(.delete, id, [], FieldSet(), expecting: expectation)
  }

  private func mutation(
    _ kind: Mutation.Kind, _ id: UUID, _ changes: [FieldChange], _ named: FieldSet,
    expecting expectation: Expectation
  ) -> Mutation {
    let now = ambient.time.now()
    return Mutation(
      kind: kind, collection: collection, id: id, changes: changes, named: named, author: author,
      time: now, madeAt: madeAt?.clamped(now: now) ?? now, expectation: expectation)
  }

  private func object(_ body: JSON) throws -> JSONObject {
    guard let object = body.object else {
      throw RoostError.invalid("", "type", "Send a JSON object, not \(body.kind).")
    }
    return object
  }

  private mutating func add(_ pointer: String, _ code: String, _ message: String) {
    issues.append(FieldIssue(pointer: pointer, code: code, message: message))
  }

  private mutating func identifier(_ value: JSON) -> UUID? {
    if let text = value.string, let id = UUID(text), id != .zero { return id }
    add("/id", "type", "An id is a UUID, such as \(ambient.newID()).")
    return nil
  }

  /// An issue for a name that is no field of the collection, or one that only the server sets.
  private mutating func refuse(_ key: String) {
    let pointer = "/" + JSONPointer.escape(key.prefix(60))
    if ["version", "createdAt", "updatedAt", "deletedAt"].contains(key) {
      return add(pointer, "server_only", "\(key) is set by the server.")
    }
    if collection.model.inverses.contains(where: { $0.name == key }) {
      return add(
        pointer, "server_only", "\(key) is the other side of a relation: change its records.")
    }
    let shown = String(key.prefix(60))
    let known = collection.fields.map(\.name) + ["id"]
    let hint = Schema.nearest(key, among: known).map { " Did you mean \($0)?" } ?? ""
    add(
      pointer, "unknown_field",
      "\(collection.model.typeName) has no field \"\(shown)\".\(hint)")
  }

  private mutating func isSettable(_ field: Field, _ pointer: String) -> Bool {
    if field.isServerOnly, case .caller = author {
      add(
        pointer, "server_only",
        field.derivation.map { "\(field.name) is derived (\($0.text)); the server keeps it." }
          ?? "\(field.name) is set by the server.")
      return false
    }
    return true
  }

  private mutating func set(
    _ field: Field, _ value: JSON, _ pointer: String
  ) -> FieldChange.Operation? {
    if value.isNull {
      if field.isRequired {
        add(pointer, "required", "\(field.name) is required and cannot be null.")
        return nil
      }
      return .set(.null)
    }
    switch field.decode(value, pointer: pointer) {
    case .success(let value): return .set(value)
    case .failure(let issue):
      issues.append(issue)
      return nil
    }
  }

  /// The intent that `value` is for this field, or nil where it is an ordinary value.
  private mutating func intent(
    _ field: Field, _ value: JSON, _ pointer: String
  ) -> FieldChange.Operation? {
    guard let object = value.object, let first = object.members.first, first.key.hasPrefix("$")
    else { return nil }
    if field.isList { return edit(field, object, pointer) }
    guard field.isNumeric, object.count == 1, first.key == "$increment" else { return nil }
    if first.value.isNull {
      add(pointer + "/$increment", "type", "$increment takes a number, not null.")
      return .set(.null)
    }
    switch field.decode(first.value, pointer: pointer + "/$increment") {
    case .success(let amount): return .increment(amount)
    case .failure(let issue):
      issues.append(issue)
      // The issue stands; the value itself is not decoded again.
      return .set(.null)
    }
  }

  private mutating func edit(
    _ field: Field, _ object: JSONObject, _ pointer: String
  ) -> FieldChange.Operation? {
    var lists: [String: [JSON]] = [:]
    for (key, value) in object {
      let place = pointer + "/" + JSONPointer.escape(key.prefix(60))
      guard key == "$add" || key == "$remove" else {
        add(place, "unknown_intent", "A list takes $add and $remove, each with a list.")
        continue
      }
      switch field.decode(value, pointer: place) {
      case .success(.json(.array(let elements))): lists[key] = elements
      case .success: add(place, "type", "\(key) takes a list.")
      case .failure(let issue): issues.append(issue)
      }
    }
    return .edit(add: lists["$add"] ?? [], remove: lists["$remove"] ?? [])
  }

  /// The value of a field that a create leaves out: its default, its owner, null, or an issue.
  private mutating func initialValue(_ index: Int) -> FieldValue? {
    let field = collection.fields[index]
    if let value = field.defaultValue { return value }
    if case .caller(let caller) = author, let uid = author.account,
      collection.rules.fillsOwner(index, for: caller)
    {
      return .uuid(uid)
    }
    if field.isRequired {
      add("/" + field.name, "required", "\(field.name) is required.")
    }
    return nil
  }
}

extension Field {
  /// A number that `$increment` adds to.
  var isNumeric: Bool {
    guard !isList else { return false }
    switch type {
    case .int, .int64, .float, .money: return true
    default: return false
    }
  }
}

import RoostCore
package import Schema

/// The value of an expression for a caller and a row in memory: the third output.
package struct Evaluation {
  let facts: CallerFacts
  let row: RowImage?
  let related: any RelatedRows

  package init(
    _ facts: CallerFacts, _ row: RowImage?, _ related: any RelatedRows = NoRelatedRows()
  ) {
    self.facts = facts
    self.row = row
    self.related = related
  }

  /// TRUE, FALSE, or nil for NULL.
  package func truth(_ expression: Expression) -> Bool? {
    switch expression {
    case .constant(let value): return value
    case .truth(let operand):
      if case .bool(let value) = value(operand) { return value }
      return nil
    case .compare(let comparison, let left, let right):
      return compare(comparison, value(left), value(right))
    case .isNull(let operand): return value(operand) == .null
    case .isIn(let operand, let values):
      let subject = value(operand)
      return subject == .null ? nil : values.contains { equals(subject, $0) == true }
    case .contains(let list, let element): return contains(value(list), element)
    case .inClaims(let operand): return word(operand).map { holds($0, facts.claims) }
    case .inRoles(let operand): return word(operand).map { holds($0, facts.roles) }
    case .hasRole(let role): return facts.roles.contains(role)
    case .and(let parts):
      var result: Bool? = true
      for part in parts {
        switch truth(part) {
        case false: return false
        case nil: result = nil
        default: break
        }
      }
      return result
    case .or(let parts):
      var result: Bool? = false
      for part in parts {
        switch truth(part) {
        case true: return true
        case nil: result = nil
        default: break
        }
      }
      return result
    case .not(let inner): return truth(inner).map { !$0 }
    }
  }

  /// By bytes: the set itself takes two spellings of one character for the same.
  private func holds(_ word: String, _ words: Set<String>) -> Bool {
    words.contains(word) && words.contains { $0.utf8.elementsEqual(word.utf8) }
  }

  private func word(_ operand: Operand) -> String? {
    if case .text(let text) = value(operand) { text } else { nil }
  }

  package func value(_ operand: Operand) -> FieldValue {
    switch operand {
    case .value(let value): return value
    case .uid: return facts.uid.map { .uuid($0) } ?? .null
    case .anonymous: return .bool(facts.isAnonymous)
    case .column(let column): return row?.value(column) ?? .null
    case .path(let path):
      guard var current = row else { return .null }
      for step in path.steps {
        guard case .uuid(let id) = current.values[step.field],
          let next = related.row(step.target, id), !next.isDeleted
        else { return .null }
        current = next
      }
      return current.value(path.column)
    }
  }

  private func compare(
    _ comparison: Comparison, _ left: FieldValue, _ right: FieldValue
  ) -> Bool? {
    switch comparison {
    case .equal: return equals(left, right)
    case .notEqual: return equals(left, right).map { !$0 }
    case .less: return isLess(left, right)
    case .greater: return isLess(right, left)
    case .lessOrEqual: return isLess(right, left).map { !$0 }
    case .greaterOrEqual: return isLess(left, right).map { !$0 }
    }
  }

  /// Text is equal where its bytes are, as in the engines: Swift's own equality knows two spellings
  /// of one character as the same.
  private func equals(_ left: FieldValue, _ right: FieldValue) -> Bool? {
    switch (left, right) {
    case (.null, _), (_, .null): nil
    case (.text(let left), .text(let right)): left.utf8.elementsEqual(right.utf8)
    default: left == right
    }
  }

  private func isLess(_ left: FieldValue, _ right: FieldValue) -> Bool? {
    switch (left, right) {
    case (.int(let left), .int(let right)): left < right
    case (.double(let left), .double(let right)): left < right
    case (.text(let left), .text(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
    default: nil
    }
  }

  private func contains(_ list: FieldValue, _ element: FieldValue) -> Bool? {
    guard case .json(.array(let elements)) = list, let wanted = element.asElement else {
      return nil
    }
    return elements.contains { item in
      if case .string(let left) = item, case .string(let right) = wanted {
        return left.utf8.elementsEqual(right.utf8)
      }
      return item == wanted
    }
  }

  // MARK: Paths

  /// Whether the caller stands at the end of `path`, with `having` tested on its last row to many.
  package func reaches(_ path: RulePath, having: Expression?, in model: SchemaModel) -> Bool {
    guard let uid = facts.uid, let row else { return false }
    return reaches(path, 0, row, start: row.collection, uid, having, model)
  }

  private func reaches(
    _ path: RulePath, _ position: Int, _ row: RowImage, start: Int, _ uid: UUID,
    _ having: Expression?, _ model: SchemaModel
  ) -> Bool {
    if row.isDeleted, path.testsLife(at: position, from: start, in: model) { return false }
    guard position < path.steps.count else { return row.values[path.user] == .uuid(uid) }
    func goesOn(_ next: RowImage) -> Bool {
      reaches(path, position + 1, next, start: start, uid, having, model)
    }
    switch path.steps[position] {
    case .toMany(let collection, let field):
      return related.rows(collection, where: field, is: row.id).contains { next in
        if position == path.lastToMany, let having,
          Evaluation(facts, next, related).truth(having) != true
        {
          return false
        }
        return goesOn(next)
      }
    case .toOne(let field, let target):
      guard case .uuid(let id) = row.values[field] else { return false }
      if let next = related.row(target, id) { return goesOn(next) }
      // The rows behind may name one that is not there; no column of it is read.
      guard position + 1 < path.steps.count, case .toMany = path.steps[position + 1] else {
        return false
      }
      return goesOn(
        RowImage(
          collection: target, id: id, createdAt: row.createdAt, updatedAt: row.updatedAt,
          values: model.collections[target].fields.map { _ in .null }))
    }
  }
}

extension Expression {
  /// The value for a caller where no row is spoken of.
  func truth(of facts: CallerFacts) -> Bool? { Evaluation(facts, nil).truth(self) }
}

extension FieldValue {
  /// The value as it stands in a JSON list; nil for NULL.
  var asElement: JSON? {
    switch self {
    case .null, .json: nil
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .uuid(let value): .string(value.description)
    }
  }
}

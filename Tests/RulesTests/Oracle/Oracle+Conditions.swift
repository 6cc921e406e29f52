import RoostCore
import Rules
import Schema

extension Oracle {
  /// How a filter sees the rows: nil for one that is hidden, else the row with its hidden columns
  /// empty.
  typealias Lens = (RowImage) -> RowImage?

  /// TRUE, FALSE, or nil for NULL.
  func truth(_ text: String, _ row: RowImage, _ caller: OracleCaller, _ lens: Lens? = nil) -> Bool?
  {
    truth(syntax(text), row, caller, lens)
  }

  func truth(
    _ syntax: ExpressionSyntax, _ row: RowImage, _ caller: OracleCaller, _ lens: Lens? = nil
  ) -> Bool? {
    switch syntax {
    case .or(let parts):
      let values = parts.map { truth($0, row, caller, lens) }
      return values.contains(true) ? true : values.contains(nil) ? nil : false
    case .and(let parts):
      let values = parts.map { truth($0, row, caller, lens) }
      return values.contains(false) ? false : values.contains(nil) ? nil : true
    case .not(let inner, _): return truth(inner, row, caller, lens).map { !$0 }
    case .literal(.bool(let value), _): return value
    case .path(let names, _):
      if case .bool(let value) = value(names, row, caller, lens) { return value }
      return nil
    case .compare(let comparison, let left, let right, _):
      if case .literal(.null, _) = right {
        let isNull = operand(left, row, caller, lens) == .null
        return comparison == .equal ? isNull : !isNull
      }
      return compare(
        comparison, operand(left, row, caller, lens), operand(right, row, caller, lens))
    case .isIn(let left, .path(["ctx", "roles"], _), _):
      return member(operand(left, row, caller, lens), of: caller.roles)
    case .isIn(let left, .path(["ctx", "claims"], _), _):
      return member(operand(left, row, caller, lens), of: caller.claims)
    case .isIn(let left, .list(let elements, _), _):
      let value = operand(left, row, caller, lens)
      if value == .null { return nil }
      return elements.contains { compare(.equal, value, operand($0, row, caller, lens)) == true }
    case .isIn(let left, .path(let names, _), _):
      guard case .json(.array(let items)) = value(names, row, caller, lens),
        case .text(let wanted) = operand(left, row, caller, lens)
      else { return nil }
      return items.contains { $0.string.map { bytes($0) == bytes(wanted) } ?? false }
    default: return nil
    }
  }

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  private func member(_ value: FieldValue, of words: Set<String>) -> Bool? {
    guard case .text(let word) = value else { return nil }
    return words.contains { bytes($0) == bytes(word) }
  }

  private func operand(
    _ syntax: ExpressionSyntax, _ row: RowImage, _ caller: OracleCaller, _ lens: Lens?
  ) -> FieldValue {
    switch syntax {
    case .path(let names, _): return value(names, row, caller, lens)
    case .literal(.bool(let value), _): return .bool(value)
    case .literal(.int(let value), _): return .int(value)
    case .literal(.double(let value), _): return .double(value)
    case .literal(.string(let text), _):
      return ConditionMaker.times[text].map { .int($0) } ?? .text(text)
    default: return .null
    }
  }

  private func value(
    _ names: [String], _ row: RowImage, _ caller: OracleCaller, _ lens: Lens?
  ) -> FieldValue {
    if names == ["ctx", "uid"] { return caller.uid.map { .uuid($0) } ?? .null }
    if names == ["ctx", "anonymous"] { return .bool(caller.isAnonymous) }
    if names.count == 1, SchemaPlan.kinds.contains(names[0]) { return .text(names[0]) }
    var current = row
    for name in names.dropLast() {
      guard let field = plan.collections[current.collection].index(name),
        case .uuid(let id) = current.values[field],
        let target = plan.collections[current.collection].fields[field].target,
        let next = world.row(target, id), !next.isDeleted
      else { return .null }
      guard let lens else {
        current = next
        continue
      }
      guard let seen = lens(next) else { return .null }
      current = seen
    }
    switch names[names.count - 1] {
    case "id": return .uuid(current.id)
    case "version": return .int(current.version)
    case "createdAt": return .int(current.createdAt.milliseconds)
    case "updatedAt": return .int(current.updatedAt.milliseconds)
    case let name:
      guard let field = plan.collections[current.collection].index(name) else { return .null }
      return current.values[field]
    }
  }

  private func compare(
    _ comparison: Comparison, _ left: FieldValue, _ right: FieldValue
  ) -> Bool? {
    let order: Int
    switch (left, right) {
    case (.null, _), (_, .null): return nil
    case (.text(let left), .text(let right)):
      order =
        bytes(left) == bytes(right)
        ? 0 : bytes(left).lexicographicallyPrecedes(bytes(right)) ? -1 : 1
    default:
      if let left = number(left), let right = number(right) {
        order = left < right ? -1 : left > right ? 1 : 0
      } else {
        order = left == right ? 0 : 1
      }
    }
    switch comparison {
    case .equal: return order == 0
    case .notEqual: return order != 0
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    case .greaterOrEqual: return order >= 0
    }
  }

  private func number(_ value: FieldValue) -> Double? {
    switch value {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }
}

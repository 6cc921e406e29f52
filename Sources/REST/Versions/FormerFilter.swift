import RoostCore
import Rules
import Schema

/// Writes the filter of an older client in the names and values of now.
///
/// It is read and checked by the older schema first, so that what is wrong with it is told in the
/// client's own words, and then checked again as any filter is: what the caller may not see now is not
/// seen through an old name.
struct FormerFilter {
  let schema: FormerSchema
  let collection: FormerCollection

  /// The filter; as it was written, where nothing in it has changed.
  func text(_ text: String) throws -> String {
    let syntax = try read(text)
    let now = try rewritten(syntax)
    return now == syntax ? text : now.text
  }

  private func read(_ text: String) throws -> ExpressionSyntax {
    guard let index = schema.index(ofType: collection.old.typeName) else {
      throw RoostError(.internalError, "An older collection has no place in its schema.")
    }
    do throws(ExpressionFault) {
      _ = try ExpressionChecker(model: schema.model, collection: index, scope: .rule)
        .expression(text, .filter)
      return try ExpressionParser.parse(text, .filter)
    } catch {
      let place = String(decoding: text.utf8.prefix(error.offset), as: UTF8.self).count + 1
      let isPlaced = error.code == "syntax" || error.code == "type"
      throw RoostError.invalid(
        "?filter", error.code,
        "filter\(isPlaced ? ", at character \(place)" : ""): \(error.message)"
          + (error.message.hasSuffix("?") ? "" : "."))
    }
  }

  private func rewritten(_ syntax: ExpressionSyntax) throws -> ExpressionSyntax {
    switch syntax {
    case .or(let parts): return .or(try parts.map(rewritten))
    case .and(let parts): return .and(try parts.map(rewritten))
    case .not(let inner, let offset): return .not(try rewritten(inner), offset: offset)
    case .compare(let comparison, let left, let right, let offset):
      if case .literal = left { return try compare(comparison.mirrored, right, left, offset) }
      return try compare(comparison, left, right, offset)
    case .isIn(let left, let right, let offset): return try isIn(left, right, offset)
    case .literal, .list: return syntax
    case .path: return try unchanged(syntax).path
    }
  }

  // MARK: Names

  private struct Operand {
    let path: ExpressionSyntax
    /// Nil for `id`, `createdAt` and the like, and for the caller.
    let field: FormerField?
  }

  private func operand(_ syntax: ExpressionSyntax) throws -> Operand {
    guard case .path(let names, let offset) = syntax, names[0] != "ctx" else {
      return Operand(path: syntax, field: nil)
    }
    var here = collection
    var steps: [String] = []
    for (index, name) in names.enumerated() {
      guard let field = here.field(named: name) else {
        steps += names[index...]
        break
      }
      guard let now = field.now else { throw FormerFault.dropped(field, "?filter") }
      steps.append(now.name)
      if index == names.count - 1 {
        return Operand(path: .path(steps, offset: offset), field: field)
      }
      guard let next = schema.target(of: field.old) else { break }
      here = next
    }
    return Operand(path: .path(steps, offset: offset), field: nil)
  }

  /// An operand of which nothing but the name has changed.
  private func unchanged(_ syntax: ExpressionSyntax) throws -> Operand {
    let operand = try operand(syntax)
    if let field = operand.field, field.isRetyped { throw FormerFault.retyped(field, "?filter") }
    return operand
  }

  // MARK: Values

  /// The value that stands beside a field: a literal, or the bare name of an enum's value.
  private func constant(_ syntax: ExpressionSyntax, beside field: FormerField?) -> JSON? {
    switch syntax {
    case .literal(let value, _): return value
    case .path(let steps, _):
      guard steps.count == 1, case .enumeration(_, let values)? = field?.old.type,
        values.contains(steps[0]) || RowColumn(steps[0], in: collection.old) == nil
      else { return nil }
      return .string(steps[0])
    default: return nil
    }
  }

  private func compare(
    _ comparison: Comparison, _ left: ExpressionSyntax, _ right: ExpressionSyntax, _ offset: Int
  ) throws -> ExpressionSyntax {
    let first = try operand(left)
    if case .literal(.null, _) = right {
      return .compare(comparison, first.path, right, offset: offset)
    }
    guard let value = constant(right, beside: first.field) else {
      return .compare(
        comparison, try unchanged(left).path, try unchanged(right).path, offset: offset)
    }
    guard let field = first.field, field.isRetyped else {
      return .compare(comparison, first.path, right, offset: offset)
    }
    if comparison.needsOrder, !field.keepsOrder { throw FormerFault.retyped(field, "?filter") }
    if let now = forward(value, field) {
      return .compare(comparison, first.path, .literal(now, offset: right.offset), offset: offset)
    }
    guard !comparison.needsOrder else { throw FormerFault.retyped(field, "?filter") }
    // No record has the value any more. Compared with itself, a field is NULL where it is none or
    // hidden, as it would be here.
    return .compare(
      comparison == .equal ? .notEqual : .equal, first.path, first.path, offset: offset)
  }

  private func isIn(
    _ left: ExpressionSyntax, _ right: ExpressionSyntax, _ offset: Int
  ) throws -> ExpressionSyntax {
    guard case .list(let elements, let place) = right else {
      if case .path(let steps, _) = right, steps[0] == "ctx" {
        return .isIn(try unchanged(left).path, right, offset: offset)
      }
      let list = try operand(right)
      guard let field = list.field, field.isRetyped else {
        return .isIn(left, list.path, offset: offset)
      }
      guard let value = constant(left, beside: field), let now = field.forward(element: value)
      else { throw FormerFault.retyped(field, "?filter") }
      return .isIn(.literal(now, offset: left.offset), list.path, offset: offset)
    }
    let subject = try operand(left)
    guard let field = subject.field, field.isRetyped else {
      return .isIn(subject.path, right, offset: offset)
    }
    let values = elements.compactMap { element -> ExpressionSyntax? in
      constant(element, beside: field).flatMap { forward($0, field) }.map {
        .literal($0, offset: element.offset)
      }
    }
    guard !values.isEmpty else {
      return .compare(.notEqual, subject.path, subject.path, offset: offset)
    }
    return .isIn(subject.path, .list(values, offset: place), offset: offset)
  }

  private func forward(_ value: JSON, _ field: FormerField) -> JSON? {
    var value = value
    // A day stands for its beginning.
    if field.old.type == .dateTime, let text = value.string, let day = CalendarDate(text) {
      value = .string("\(day)T00:00:00Z")
    }
    return try? field.forward(value, pointer: "").get()
  }
}

/// Why something of an older client cannot be said any more.
enum FormerFault {
  /// A field that is gone; `pointer` is the parameter that names it.
  static func dropped(_ field: FormerField, _ pointer: String) -> RoostError {
    let since = field.changedSince.map { " since version \($0) of this API" } ?? ""
    return RoostError.invalid(
      pointer, "dropped_field",
      "\(field.old.name) is gone\(since), and nothing can be asked of it: leave it out.")
  }

  /// A field whose values cannot be compared as before.
  static func retyped(_ field: FormerField, _ pointer: String) -> RoostError {
    let since = field.changedSince.map { "since version \($0) of this API" } ?? "now"
    return RoostError.invalid(
      pointer, "retyped_field",
      "\(field.old.name) is of another type \(since), and cannot be compared as it was: ask for it "
        + "without, or in the current version.")
  }

  /// The nearest of the names that there were.
  static func hint(_ name: String, among names: [String]) -> String {
    nearest(name, among: names).map { " Did you mean \($0)?" } ?? ""
  }

  /// A collection, or a relation, that is gone.
  static func gone(_ what: String, since version: APIVersion?) -> RoostError {
    RoostError(
      .notFound,
      "\(what) is gone\(version.map { " since version \($0) of this API" } ?? ""): see "
        + "/docs/migrating.md.")
  }
}

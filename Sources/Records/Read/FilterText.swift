package import RoostCore
package import Rules
import Schema

extension RecordReader {
  /// The filter that a request gives as text: the grammar of rules over what the reader may see.
  ///
  /// Throws 422 with the pointer `?filter` and the place of the fault.
  package func filter(
    _ text: String, of collection: CompiledCollection
  ) throws(RoostError) -> Expression {
    let checker = ExpressionChecker(
      model: catalogue.model, collection: collection.index, scope: .rule)
    do throws(ExpressionFault) {
      let filter = try checker.expression(text, .filter)
      for operand in filter.operands {
        if let name = hidden(operand, collection.index) {
          throw ExpressionFault(
            offset: 0, code: "hidden_field", message: "\(name) is not visible to you")
        }
      }
      return filter
    } catch {
      let place = String(decoding: text.utf8.prefix(error.offset), as: UTF8.self).count + 1
      let isPlaced = error.code == "syntax" || error.code == "type"
      throw RoostError.invalid(
        "?filter", error.code,
        "filter\(isPlaced ? ", at character \(place)" : ""): \(error.message)"
          + (error.message.hasSuffix("?") ? "" : "."))
    }
  }

  /// The name of a column that no row shows to the reader; nil where there is none.
  private func hidden(_ operand: Operand, _ collection: Int) -> String? {
    switch operand {
    case .value, .uid, .anonymous: return nil
    case .column(let column): return hidden(column, collection)
    case .path(let path):
      var current = collection
      for step in path.steps {
        if let name = hidden(.field(step.field), current) { return name }
        current = step.target
        if access(current).isNever { return catalogue.model.collections[current].typeName }
      }
      return hidden(path.column, current)
    }
  }

  /// The column's name where no row shows it.
  private func hidden(_ column: RowColumn, _ collection: Int) -> String? {
    guard case .field(let index) = column,
      access(collection).plan.visibility(index) == .never
    else { return nil }
    return column.name(in: catalogue.model.collections[collection])
  }

  /// The words to search for; throws 422 where the reader sees nothing that is searched.
  package func search(
    _ text: String, of collection: CompiledCollection
  ) throws(RoostError) -> SearchQuery {
    let plan = access(collection).plan
    guard collection.searchableFields.contains(where: { plan.visibility($0) != .never }) else {
      throw .invalid(
        "?search", "unknown_parameter",
        "\(collection.name) has no field to search: the schema marks such fields with @search.")
    }
    return try SearchQuery(text)
  }

  /// A column by its name, for `sort`; throws 422 for one that is unknown, hidden or has no order.
  package func sortColumn(
    _ name: String, of collection: CompiledCollection
  ) throws(RoostError) -> RowColumn {
    guard let column = RowColumn(name, in: collection.model), collection.isSortable(column) else {
      let sortable = (RowColumn.systemNames + collection.fields.map(\.name)).filter { name in
        RowColumn(name, in: collection.model).map { collection.isSortable($0) } ?? false
      }
      let hint = Schema.nearest(name, among: sortable).map { " Did you mean \($0)?" } ?? ""
      throw .invalid(
        "?sort", "unknown_field",
        "\(collection.name) cannot be sorted by \"\(name.prefix(60))\".\(hint)")
    }
    if hidden(column, collection.index) != nil {
      throw .invalid("?sort", "hidden_field", "\(name.prefix(60)) is not visible to you.")
    }
    return column
  }

  /// The members that `fields` names.
  package func selection(
    _ names: [String], of collection: CompiledCollection
  ) throws(RoostError) -> FieldSelection {
    var selection = FieldSelection(members: FieldSet(), system: [.id])
    for name in names {
      switch RowColumn(name, in: collection.model) {
      case .field(let index): selection.members.insert(index)
      case let column?: selection.system.insert(column)
      case nil:
        let known = RowColumn.systemNames + collection.fields.map(\.name)
        let hint = Schema.nearest(name, among: known).map { " Did you mean \($0)?" } ?? ""
        throw .invalid(
          "?fields", "unknown_field",
          "\(collection.model.typeName) has no field \"\(name.prefix(60))\".\(hint)")
      }
    }
    return selection
  }

  /// The relations that `expand` names, as a tree: `band.members` expands the band and in it its
  /// members.
  package func expansions(
    _ paths: [[String]], of collection: CompiledCollection
  ) throws(RoostError) -> [Expansion] {
    var expansions: [Expansion] = []
    for path in paths { try add(path[...], of: collection, path.count, to: &expansions) }
    return expansions
  }

  private func add(
    _ path: ArraySlice<String>, of collection: CompiledCollection, _ length: Int,
    to expansions: inout [Expansion]
  ) throws(RoostError) {
    guard let name = path.first else { return }
    guard length <= Expansion.maximumHops else {
      throw .invalid(
        "?expand", "too_deep",
        "expand follows at most \(Expansion.maximumHops) relations, one behind the other.")
    }
    let found = try relation(name, of: collection)
    let index: Int
    if let known = expansions.firstIndex(where: { $0.member == found.member }) {
      index = known
    } else {
      expansions.append(found)
      index = expansions.count - 1
    }
    try add(
      path.dropFirst(), of: catalogue.collections[found.target], length,
      to: &expansions[index].children)
  }

  private func relation(
    _ name: String, of collection: CompiledCollection
  ) throws(RoostError) -> Expansion {
    if let index = collection.index(of: name), !collection.fields[index].isList,
      case .reference(let type) = collection.fields[index].type,
      let target = catalogue.collection(ofType: type)
    {
      return Expansion(member: index, target: target.index, inverse: nil)
    }
    if let inverse = catalogue.inverse(name, of: collection) {
      return Expansion(
        member: inverse.member, target: inverse.target.index, inverse: inverse.field)
    }
    let known =
      collection.fields.filter { if case .reference = $0.type { true } else { false } }.map(\.name)
      + collection.model.inverses.map(\.name)
    let hint = Schema.nearest(name, among: known).map { " Did you mean \($0)?" } ?? ""
    throw .invalid(
      "?expand", "unknown_relation",
      "\(collection.model.typeName) has no relation \"\(name.prefix(60))\" to expand.\(hint)")
  }
}

/// The other side of a relation, found in the catalogue.
package struct InverseRelation: Sendable {
  /// The member of the collection that has it.
  package let member: Int
  package let target: CompiledCollection
  /// The index of the referring field of `target`.
  package let field: Int
}

extension Catalogue {
  /// The inverse relation of that name, or nil.
  package func inverse(_ name: String, of collection: CompiledCollection) -> InverseRelation? {
    guard let offset = collection.model.inverses.firstIndex(where: { $0.name == name }) else {
      return nil
    }
    let inverse = collection.model.inverses[offset]
    guard let target = self.collection(ofType: inverse.typeName),
      let field = target.index(of: inverse.field)
    else { return nil }
    return InverseRelation(
      member: collection.fields.count + offset, target: target, field: field)
  }
}

import Queries
import RoostCore
import Rules
import Schema

/// What is derived from the rows of one collection for the rows of another: fields of theirs, or the
/// rows of a view.
///
/// Fields that come of the same rows share one of these.
struct DerivedSource: Sendable {
  /// How a row says where it counts.
  enum Grouping: Sendable {
    /// By a reference to the row that has the values.
    case reference(Int)
    /// By values, of the columns that make the fields of a view.
    case values([Group])
  }

  struct Group: Sendable {
    let column: RowColumn
    let part: Schema.Grouping.Part?
    /// Whether the column holds a day as a text, and not a time.
    let isDay: Bool
    /// The field of the view, by index.
    let field: Int
  }

  /// What is made of the rows for one field of the target.
  struct Measure: Sendable {
    enum Kind: Sendable {
      case count
      /// The sum with that number.
      case sum(Int)
      /// The least or greatest value of a slot.
      case extreme(slot: Int, isGreatest: Bool)
      /// A column of the row with the greatest value of a slot.
      case latest(slot: Int, column: RowColumn)
    }

    /// By index.
    let field: Int
    let kind: Kind
  }

  /// A column whose values are kept for each row.
  struct Slot: Sendable, Equatable {
    let column: RowColumn
    let isOrdered: Bool
  }

  /// Equal where the same values come of the same rows; what the generations are told apart by.
  let definition: String
  let target: CompiledCollection
  let source: CompiledCollection
  let grouping: Grouping
  let condition: Expression?
  let measures: [Measure]
  let slots: [Slot]
  /// The slots of the sums, in the order of their numbers.
  let summed: [Int]

  var isView: Bool { if case .values = grouping { true } else { false } }
  /// The slots whose values are kept in their order.
  var ordered: [Int] { slots.indices.filter { slots[$0].isOrdered } }
  /// A change of a row may change what is shown though its part stays.
  var readsRows: Bool {
    measures.contains { if case .latest = $0.kind { true } else { false } }
  }
  /// The fields of the target that the measures fill, in their order.
  var fields: [Int] { measures.map(\.field) }
}

/// All that is derived in a schema.
struct DerivedSources: Sendable {
  let all: [DerivedSource]
  private let byDefinition: [String: Int]

  init(_ catalogue: Catalogue) {
    var builder = DerivedSourceBuilder(catalogue)
    for target in catalogue.collections where target.model.isDerived { builder.add(target) }
    all = builder.sources
    byDefinition = Dictionary(
      builder.sources.enumerated().map { ($0.element.definition, $0.offset) }
    ) { first, _ in first }
  }

  subscript(definition: String) -> DerivedSource? { byDefinition[definition].map { all[$0] } }

  /// The numbers of the collections that something is derived from.
  var collections: [Int64] { Set(all.map(\.source.number)).sorted() }

  /// The numbers of those whose new records get derived values, and that are none of the others.
  var targets: [Int64] {
    Set(all.filter { !$0.isView }.map(\.target.number)).subtracting(collections).sorted()
  }
}

/// Makes the sources of a catalogue; the schema was checked, so that whatever is named is there.
private struct DerivedSourceBuilder {
  let catalogue: Catalogue
  var sources: [DerivedSource] = []

  init(_ catalogue: Catalogue) { self.catalogue = catalogue }

  mutating func add(_ target: CompiledCollection) {
    if let view = target.model.view {
      let fields = target.fields.indices.filter { target.fields[$0].derivation != nil }
      guard let source = catalogue.collection(ofType: view.typeName) else { return }
      let groups = target.fields.indices.compactMap { group($0, of: target, source) }
      append(
        target, source, .values(groups), view.condition,
        target.rules.derived.first { $0.field == nil }?.expression, fields,
        prefix: "view \(view.typeName) by "
          + target.fields.compactMap { field in
            field.grouping.map { "\(field.name) \(field.declaredType) = \($0.text)" }
          }
          .joined(separator: ", "))
      return
    }
    var together: [String: [Int]] = [:]
    for (index, field) in target.fields.enumerated() {
      guard let derivation = field.derivation else { continue }
      let key = "\(derivation.typeName).\(derivation.reference ?? "")|\(derivation.condition ?? "")"
      together[key, default: []].append(index)
    }
    for (_, fields) in together.sorted(by: { $0.key < $1.key }) {
      guard let derivation = fields.first.flatMap({ target.fields[$0].derivation }),
        let source = catalogue.collection(ofType: derivation.typeName),
        let reference = derivation.reference.flatMap({ source.index(of: $0) })
      else { continue }
      append(
        target, source, .reference(reference), derivation.condition,
        target.rules.derived.first { $0.field == fields.first }?.expression, fields,
        prefix: "fields by \(derivation.typeName).\(derivation.reference ?? "")")
    }
  }

  private func group(
    _ index: Int, of target: CompiledCollection, _ source: CompiledCollection
  ) -> DerivedSource.Group? {
    guard let grouping = target.fields[index].grouping,
      let column = source.column(grouping.field)
    else { return nil }
    let isDay = source.model.field(named: grouping.field)?.type == .date
    return DerivedSource.Group(
      column: column, part: grouping.part, isDay: isDay, field: index)
  }

  private mutating func append(
    _ target: CompiledCollection, _ source: CompiledCollection,
    _ grouping: DerivedSource.Grouping, _ condition: String?, _ expression: Expression?,
    _ fields: [Int], prefix: String
  ) {
    var slots: [DerivedSource.Slot] = []
    var summed: [Int] = []
    var measures: [DerivedSource.Measure] = []
    func slot(_ name: String, isOrdered: Bool) -> Int? {
      guard let column = source.column(name) else { return nil }
      let slot = DerivedSource.Slot(column: column, isOrdered: isOrdered)
      if let index = slots.firstIndex(of: slot) { return index }
      slots.append(slot)
      return slots.count - 1
    }
    for field in fields {
      guard let derivation = target.fields[field].derivation else { continue }
      var kind: DerivedSource.Measure.Kind?
      switch derivation.measure {
      case .count: kind = .count
      case .sum(let name):
        guard let slot = slot(name, isOrdered: false) else { continue }
        if !summed.contains(slot) { summed.append(slot) }
        kind = summed.firstIndex(of: slot).map { .sum($0) }
      case .min(let name):
        kind = slot(name, isOrdered: true).map { .extreme(slot: $0, isGreatest: false) }
      case .max(let name):
        kind = slot(name, isOrdered: true).map { .extreme(slot: $0, isGreatest: true) }
      case .latest(let name, let order):
        if let slot = slot(order, isOrdered: true), let column = source.column(name) {
          kind = .latest(slot: slot, column: column)
        }
      }
      if let kind { measures.append(DerivedSource.Measure(field: field, kind: kind)) }
    }
    // With the types: other ones are kept otherwise.
    let named = fields.compactMap { index -> String? in
      let field = target.fields[index]
      return field.derivation.map { derivation in
        let read = derivation.measure.fields.compactMap { source.model.field(named: $0) }
          .map(\.declaredType).joined(separator: " ")
        return "\(field.name) \(field.declaredType) = \(derivation.measure.text)"
          + (read.isEmpty ? "" : " (\(read))")
      }
    }
    let definition =
      "\(target.name): \(prefix)" + (condition.map { " where \($0)" } ?? "") + ": "
      + named.joined(separator: ", ")
    sources.append(
      DerivedSource(
        definition: definition, target: target, source: source, grouping: grouping,
        condition: expression, measures: measures, slots: slots, summed: summed))
  }
}

extension CompiledCollection {
  /// The column of that name among those that data are derived from.
  func column(_ name: String) -> RowColumn? {
    switch name {
    case "createdAt": .createdAt
    case "updatedAt": .updatedAt
    default: index(of: name).map { .field($0) }
    }
  }
}

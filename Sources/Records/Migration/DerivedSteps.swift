import Queries
import RoostCore
import Rules
import Schema

/// The steps that follow from a schema without being written in it as such: indexes, and the places
/// of rows in streams.
struct DerivedSteps {
  let stored: StoredSchema
  let book: RuleBook
  let former: FormerNames
  let dialect: Dialect
  /// The schema that was served last, where it is known.
  let before: SchemaModel?
  let now: Timestamp

  func find(
    beside steps: [MigrationStep], in reader: any Reader
  ) async throws -> [MigrationStep] {
    let pairs = matches(beside: steps)
    var result: [MigrationStep] = []
    for index in book.model.collections.indices {
      guard let old = pairs[index] else { continue }
      result += try await indexes(index, old, in: reader)
    }
    result += try await scopes(pairs, in: reader)
    guard let before else { return result }
    return result
      + (try await RetentionSteps(stored: stored, model: book.model, before: before, now: now).find(
        match: { collection in
          book.model.collections.firstIndex { $0.typeName == collection.typeName }
            .flatMap { pairs[$0] }
        }, column: column, in: reader))
  }

  /// The stored collection of each of the schema, by its place.
  private func matches(beside steps: [MigrationStep]) -> [Int: StoredSchema.Collection] {
    var restored: [String: StoredSchema.Collection] = [:]
    for step in steps {
      guard case .restoreCollection(let kept, _) = step.action else { continue }
      restored[step.typeName] = stored.collection(ofTable: kept.kept)
    }
    var result: [Int: StoredSchema.Collection] = [:]
    for (index, collection) in book.model.collections.enumerated() {
      result[index] =
        stored.collection(ofType: collection.typeName)
        ?? restored[collection.typeName]
        ?? former.type(of: collection.typeName).flatMap { stored.collection(ofType: $0) }
    }
    return result
  }

  private func column(_ field: String, of collection: Collection, _ old: StoredSchema.Collection)
    -> String?
  {
    if RecordColumns.system.contains(field) || old.field(field) != nil { return field }
    guard let name = former.field(collection.typeName, field), old.field(name) != nil else {
      return nil
    }
    return name
  }

  // MARK: Indexes

  private func indexes(
    _ index: Int, _ old: StoredSchema.Collection, in reader: any Reader
  ) async throws -> [MigrationStep] {
    let collection = book.model.collections[index]
    var known = Set(
      try await reader.all(
        "SELECT definition FROM roost_index WHERE collection = \(old.number)"
      ) { $0.text(0) }.filter { !IndexAside.isOne($0) })
    var result: [MigrationStep] = []
    for plan in IndexPlan.all(index, of: book) {
      let columns = plan.fields.compactMap { column($0, of: collection, old) }
      let before = IndexPlan(
        fields: columns, isUnique: plan.isUnique, skipsNull: plan.skipsNull,
        includesDeleted: plan.includesDeleted)
      if columns.count == plan.fields.count, known.remove(before.definition) != nil { continue }
      // An index over a new field is made with it.
      guard columns.count == plan.fields.count else { continue }
      let list = plan.fields.joined(separator: ", ")
      let item = "\(collection.typeName).\(list)"
      result.append(
        MigrationStep(
          plan.isUnique
            ? .makeUnique(plan.fields, columns: columns) : .createIndex(plan.fields),
          .additive, collection.typeName, table: old.name, item: item,
          plan.isUnique
            ? "make (\(list)) unique in \(collection.typeName)"
            : "make an index over (\(list)) of \(collection.typeName)",
          wayBack: "the index is dropped", at: collection.location))
    }
    for definition in known.sorted() {
      let fields = IndexPlan.fields(of: definition)
      let list = fields.joined(separator: ", ")
      result.append(
        MigrationStep(
          .dropIndex(fields: list), .additive, collection.typeName, table: old.name,
          item: "\(collection.typeName).\(list)",
          "drop the index over (\(list)) of \(collection.typeName)",
          wayBack: "the index is made again"))
    }
    return result
  }

  // MARK: Streams

  private func scopes(
    _ pairs: [Int: StoredSchema.Collection], in reader: any Reader
  ) async throws -> [MigrationStep] {
    var numbers = StoredNumbers()
    for (index, old) in pairs {
      let collection = book.model.collections[index]
      numbers.set(collection: collection.name, old.number)
      var next = old.fields.map(\.number).max() ?? 0
      for field in collection.fields {
        let name = column(field.name, of: collection, old)
        if name == nil { next += 1 }
        let number = name.flatMap { old.field($0)?.number } ?? next
        numbers.set(collection.name, field: field.name, UInt32(clamping: number))
      }
    }
    let catalogue = Catalogue(book: book, numbers: numbers, dialect: dialect, generation: 0)
    var result: [MigrationStep] = []
    for (index, old) in pairs.sorted(by: { $0.key < $1.key }) {
      let collection = catalogue.collections[index]
      let signature = catalogue.streamSignatures[collection.index]
      let known = try await reader.first(
        "SELECT signature FROM roost_stream_rules WHERE collection = \(old.number)"
      ) { $0.text(0) }
      guard known != signature else { continue }
      let name = collection.model.typeName
      result.append(
        MigrationStep(
          .rescope, .additive, name, table: old.name, item: name,
          "move the rows of \(name) to the streams that the rules put them into",
          wayBack: "they are moved back", at: collection.model.location))
    }
    return result
  }
}

import Queries
package import Rules
package import Schema

/// The collections of a schema, compiled, with their numbers from the database.
///
/// A class, because every request passes it on and a struct of this size is dear to copy.
package final class Catalogue: Sendable {
  package let model: SchemaModel
  package let collections: [CompiledCollection]
  /// In which streams the rows of the collections stand, and what they grant.
  package let scopes: ScopeBook
  /// What decides that, for each collection.
  let streamSignatures: [String]
  /// The generation of the schema in the database when the catalogue was read.
  package let generation: Int64
  private let byName: [String: Int]
  private let byType: [String: Int]
  private let byNumber: [Int64: Int]

  /// The keys of sealed values; nil where there is no master key.
  package let keys: DataKeys?

  init(
    book: RuleBook, numbers: StoredNumbers, dialect: Dialect, generation: Int64,
    keys: DataKeys? = nil
  ) {
    self.keys = keys
    let model = book.model
    self.generation = generation
    self.model = model
    let scopes = ScopeBook(book)
    self.scopes = scopes
    var byType: [String: Int] = [:]
    for (index, collection) in model.collections.enumerated() {
      byType[collection.typeName] = index
    }
    var inbound = [[InboundRelation]](repeating: [], count: model.collections.count)
    for (index, collection) in model.collections.enumerated() {
      for (fieldIndex, field) in collection.fields.enumerated() {
        guard case .reference(let typeName) = field.type, let target = byType[typeName] else {
          continue
        }
        let onDelete = field.relation?.onDelete ?? .restrict
        inbound[target].append(
          InboundRelation(collection: index, field: fieldIndex, onDelete: onDelete))
      }
    }
    var compiled: [CompiledCollection] = []
    for (index, collection) in model.collections.enumerated() {
      compiled.append(
        CompiledCollection(
          rules: book.collections[index], number: numbers.collection(collection.name),
          fieldNumbers: collection.fields.map { numbers.field(collection.name, $0.name) },
          inbound: inbound[index], dialect: dialect, keys: keys))
    }
    collections = compiled
    streamSignatures = compiled.map { StreamSignature.of($0, scopes) }
    self.byType = byType
    var byName: [String: Int] = [:]
    var byNumber: [Int64: Int] = [:]
    for (index, collection) in compiled.enumerated() {
      byName[collection.name] = index
      byNumber[collection.number] = index
    }
    self.byName = byName
    self.byNumber = byNumber
  }

  /// The keys where a field of the schema is sealed: then what is kept beside the rows is too.
  var sealingKeys: DataKeys? {
    collections.contains { $0.sealing != nil } ? keys : nil
  }

  /// The collection of that route name.
  package func collection(named name: String) -> CompiledCollection? {
    byName[name].map { collections[$0] }
  }

  /// The collection of that type.
  package func collection(ofType typeName: String) -> CompiledCollection? {
    byType[typeName].map { collections[$0] }
  }

  /// The collection of that number, or nil for one that the schema no longer has.
  package func collection(number: Int64) -> CompiledCollection? {
    byNumber[number].map { collections[$0] }
  }
}

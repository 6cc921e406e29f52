import Queries
import Rules
package import Schema
import Synchronization

/// What was compiled of schemas, for a process that opens many databases of the same ones.
///
/// Everything here follows from the schema's text and the numbers in a database and never changes, so
/// apps that live at the same time share it; their statements then have the same numbers too.
package final class CompiledSchemas: Sendable {
  /// What a catalogue depends on.
  private struct Key: Hashable {
    let source: String
    let numbers: StoredNumbers
    let dialect: Dialect
    let generation: Int64
  }

  /// From one schema to another, by their texts.
  private struct Change: Hashable {
    let from: String
    let to: String
  }

  private struct State {
    var models: [String: SchemaModel] = [:]
    var levels: [Change: ChangeLevel] = [:]
    var books: [String: RuleBook] = [:]
    var catalogues: [Key: Catalogue] = [:]
  }

  /// What is kept of each kind; beyond, all of it is made again.
  private static let limit = 64

  private let state = Mutex(State())

  package init() {}

  /// The schema of a text that was served; nil where it cannot be read.
  package func served(_ source: String) -> SchemaModel? {
    if let model = state.withLock({ $0.models[source] }) { return model }
    guard let model = try? SchemaModel.load(source: source, stage: .everything) else { return nil }
    state.withLock { state in
      if state.models.count >= CompiledSchemas.limit { state.models = [:] }
      state.models[source] = model
    }
    return model
  }

  /// What the change from one schema to another means to clients.
  package func level(from former: SchemaModel, to schema: SchemaModel) -> ChangeLevel {
    let change = Change(from: former.source, to: schema.source)
    if let level = state.withLock({ $0.levels[change] }) { return level }
    let level = SchemaDifference(from: former, to: schema).level
    state.withLock { state in
      if state.levels.count >= CompiledSchemas.limit { state.levels = [:] }
      state.levels[change] = level
    }
    return level
  }

  /// The rules of a schema.
  ///
  /// Throws `SchemaError` where they do not compile.
  func book(_ model: SchemaModel) throws -> RuleBook {
    if let book = state.withLock({ $0.books[model.source] }) { return book }
    let book = try RuleBook(model)
    state.withLock { state in
      if state.books.count >= CompiledSchemas.limit { state.books = [:] }
      state.books[model.source] = book
    }
    return book
  }

  func catalogue(
    _ book: RuleBook, _ numbers: StoredNumbers, _ dialect: Dialect, _ generation: Int64
  ) -> Catalogue {
    let key = Key(
      source: book.model.source, numbers: numbers, dialect: dialect, generation: generation)
    if let catalogue = state.withLock({ $0.catalogues[key] }) { return catalogue }
    let made = Catalogue(book: book, numbers: numbers, dialect: dialect, generation: generation)
    return state.withLock { state in
      // Another one may have been faster.
      if let catalogue = state.catalogues[key] { return catalogue }
      if state.catalogues.count >= CompiledSchemas.limit { state.catalogues = [:] }
      state.catalogues[key] = made
      return made
    }
  }
}

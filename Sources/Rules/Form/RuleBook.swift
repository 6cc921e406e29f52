package import Schema

/// The rules of every collection of a schema, compiled: the only place that decides who may do what.
package struct RuleBook: Sendable {
  package let model: SchemaModel
  /// By the index of the collection.
  package let collections: [AccessRules]
  /// What the paths of all rules ask for.
  package let indexNeeds: Set<IndexNeed>

  /// Compiles the rules of `model`.
  ///
  /// Throws every fault of an expression with its line and column.
  package init(_ model: SchemaModel) throws(SchemaError) {
    var compiler = RuleCompiler(model: model)
    let compiled = model.collections.indices.map { compiler.rules(of: $0) }
    guard compiler.faults.isEmpty else {
      throw SchemaError(
        faults: compiler.faults.sorted {
          ($0.location.line, $0.location.column) < ($1.location.line, $1.location.column)
        })
    }
    self.model = model
    collections = compiled
    indexNeeds = IndexNeed.all(compiled, in: model)
  }
}

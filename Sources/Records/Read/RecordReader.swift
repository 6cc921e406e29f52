package import RoostCore
import Rules
import Schema

/// Who reads: what they may see of each collection.
package struct RecordReader: Sendable {
  let catalogue: Catalogue
  package let caller: Caller

  /// What the reader may see of a collection.
  func access(_ collection: CompiledCollection) -> Access {
    collection.rules.access(.read, caller)
  }

  /// What the reader may see of the collection at that place of the schema.
  func access(_ index: Int) -> Access { access(catalogue.collections[index]) }
}

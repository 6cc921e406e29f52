package import RoostCore
import Rules
import Schema

/// Who reads: what they may see of each collection.
package struct RecordReader: Sendable {
  let catalogue: Catalogue
  package let caller: Caller
  /// The server itself, which sees everything.
  let isSystem: Bool

  init(catalogue: Catalogue, caller: Caller, isSystem: Bool = false) {
    self.catalogue = catalogue
    self.caller = caller
    self.isSystem = isSystem
  }

  /// The server itself: it reads on nobody's behalf.
  static func system(_ catalogue: Catalogue) -> RecordReader {
    RecordReader(catalogue: catalogue, caller: .everyone, isSystem: true)
  }

  /// On whose behalf it reads.
  var author: Mutation.Author { isSystem ? .system : .caller(caller) }

  /// What the reader may see of a collection.
  func access(_ collection: CompiledCollection) -> Access {
    isSystem ? collection.rules.systemAccess : collection.rules.access(.read, caller)
  }

  /// What the reader may see of the collection at that place of the schema.
  func access(_ index: Int) -> Access { access(catalogue.collections[index]) }
}

package import RoostCore
package import Schema

/// One version of an app's API: what its schema was, and since when.
package struct APIRelease: Sendable {
  package let version: APIVersion
  /// When a server served it first; nil where none has.
  package let at: Timestamp?
  package let model: SchemaModel

  package init(version: APIVersion, at: Timestamp?, model: SchemaModel) {
    self.version = version
    self.at = at
    self.model = model
  }
}

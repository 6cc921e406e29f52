import Synchronization

/// The older versions of the app's API whose clients are still answered in their own words.
///
/// A client of the current major version, or one that names none, is not concerned: for the latter
/// there is one look at a header, and none at all where there never was another major version.
package final class FormerVersions: Sendable {
  private let known: [APIVersion]
  private let tree: LensTree?
  /// Whether there is none: asked by every request, and without touching the tree.
  package let isEmpty: Bool
  private let releases: [APIVersion]
  /// Those that were asked for.
  private let schemas = Mutex<[APIVersion: FormerSchema]>([:])

  /// An app that never broke anything.
  package static let none = FormerVersions(known: [], releases: [])

  /// `known` are the versions that were served, the current one last; `releases` the schemas of them
  /// that can still be read, without a gap up to the current one.
  package init(
    known: [APIVersion], releases: [(version: APIVersion, model: SchemaModel)]
  ) {
    self.known = known
    let hasFormer = releases.contains { $0.version.major < (known.last ?? .first).major }
    tree = hasFormer ? LensTree(releases) : nil
    isEmpty = !hasFormer
    self.releases = releases.map(\.version)
  }

  /// The oldest version whose words are known still; that of now where it is the only one.
  package var oldest: APIVersion {
    (isEmpty ? nil : releases.first) ?? known.last ?? .first
  }

  /// The versions that were served, the current one last.
  package var served: [APIVersion] { known }

  /// The schema of an older major version; nil where it is the current one, or none that can be looked
  /// through.
  package func schema(_ version: APIVersion) -> FormerSchema? {
    guard !isEmpty, let tree, let current = known.last, version.major < current.major else {
      return nil
    }
    if let schema = schemas.withLock({ $0[version] }) { return schema }
    guard let schema = tree.former(version) else { return nil }
    schemas.withLock { $0[version] = schema }
    return schema
  }
}

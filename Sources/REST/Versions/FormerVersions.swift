package import Schema
import Synchronization
package import Transport

/// The older versions of the app's API whose clients are still answered in their own words.
///
/// A client of the current major version, or one that names none, is not concerned: for the latter
/// there is one look at a header, and none at all where there never was another major version.
package final class FormerVersions: Sendable {
  private let known: [APIVersion]
  private let tree: LensTree?
  /// Whether there is none: asked by every request, and without touching the tree.
  private let isEmpty: Bool
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
  }

  /// The older schema that a request was written for; nil where it is the current one, or none that
  /// can be looked through.
  package func schema(of request: Request) -> FormerSchema? {
    guard !isEmpty, let wanted = request.header("roost-version"), let tree,
      let version = APIVersion.asked(wanted, among: known), let current = known.last,
      version.major < current.major
    else { return nil }
    if let schema = schemas.withLock({ $0[version] }) { return schema }
    guard let schema = tree.former(version) else { return nil }
    schemas.withLock { $0[version] = schema }
    return schema
  }
}

extension APIVersion {
  /// The latest of `known` that a header such as `2` or `2.1` names; nil where there is none.
  static func asked(_ text: String, among known: [APIVersion]) -> APIVersion? {
    guard let numbers = APIVersion.numbers(text) else { return nil }
    return known.last { version in
      zip(numbers, [version.major, version.minor, version.patch]).allSatisfy { $0 == $1 }
    }
  }
}

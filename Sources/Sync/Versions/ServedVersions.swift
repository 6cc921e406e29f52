import Records
import RoostCore
package import Schema
import SyncProtocol

/// Which versions of the schema devices may have.
///
/// A device of the current major version knows fewer fields of it, and passes those over; what it
/// pushes names fields that are there. One of an older major version has other words: rows travel to
/// it in these, and what it pushes is read in them, as far back as the history of the schema goes.
/// Beyond that, and for a version that is not served yet, changes wait on the device.
package struct ServedVersions: Sendable {
  private let current: APIVersion
  private let formers: FormerVersions

  package init(current: APIVersion, formers: FormerVersions = .none) {
    self.current = current
    self.formers = formers
  }

  private var oldest: APIVersion {
    formers.isEmpty ? APIVersion(current.major, 0, 0) : formers.oldest
  }

  /// What a device that was made for `version` is told; with its lens, if it has one.
  func notice(_ lens: DeviceLens?) -> SyncProtocol.SchemaNotice {
    SyncProtocol.SchemaNotice(
      current: current.description, minimum: oldest.description,
      lens: lens?.schema.version.description)
  }

  /// The lens of a device that was made for `version`; nil where it has the words of now, or none that
  /// are known.
  func lens(_ version: String) -> DeviceLens? {
    guard !formers.isEmpty, let version = APIVersion(version), version.major < current.major
    else { return nil }
    return formers.schema(version).map { DeviceLens($0) }
  }

  /// The lens of a push, whose mutations are of one version as a rule, of a device that was made for
  /// `schema`.
  func pushLens(of push: Push, for schema: String) -> PushLens {
    let first = push.mutations.first.flatMap { lens($0.schema) }
    let isServed = isServed(schema)
    let versions = self
    return PushLens(
      lift: { try versions.lift($0, first, isServed) },
      tell: { result, mutation in
        versions.known(mutation, first)?.result(result, of: mutation) ?? result
      })
  }

  private func known(_ mutation: ClientMutation, _ first: DeviceLens?) -> DeviceLens? {
    if let first, first.schema.version.description == mutation.schema { return first }
    return lens(mutation.schema)
  }

  private func isServed(_ schema: String) -> Bool {
    guard let version = APIVersion(schema), version <= current else { return false }
    return version.major == current.major || lens(schema) != nil
  }

  /// Changes of versions whose words are not known any more, or not yet, wait on the device; those of
  /// one that has been renewed since would wait for good, and are refused.
  private func lift(
    _ mutation: ClientMutation, _ first: DeviceLens?, _ isServed: Bool
  ) throws -> LiftedMutation {
    guard let version = APIVersion(mutation.schema) else {
      throw RoostError.invalid(
        "/schema", "version",
        "A change says for which version of the schema it was made, such as \(current).")
    }
    guard version <= current else {
      throw UpgradeRequired(
        "This app is newer than its server: what you have changed is kept on the device, and sent "
          + "when the server has been renewed.")
    }
    if version.major == current.major { return LiftedMutation(mutation.operations) }
    if let known = known(mutation, first) { return try known.lift(mutation) }
    guard isServed else {
      throw UpgradeRequired(
        "This app is too old for its server: renew it. What you have changed is kept on the "
          + "device, and sent then.")
    }
    throw RoostError(
      .invalid,
      "This change was made by a version of the app that the server does not understand any more, "
        + "so it did not take place. Make it anew.",
      issues: [
        FieldIssue(
          pointer: "/schema", code: "former",
          message: "Version \(version) is before \(oldest), the oldest that is served.")
      ])
  }
}

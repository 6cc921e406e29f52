import Records
package import Schema
import SyncProtocol

/// Which versions of the schema devices may have.
///
/// Rows travel in the words of the server's schema. A device of the same major version knows fewer
/// fields of it, and passes those over; what it pushes names fields that are there. An older major
/// version has other words, so its changes wait on the device until the app is renewed.
package struct ServedVersions: Sendable {
  private let current: APIVersion

  package init(current: APIVersion) { self.current = current }

  var notice: SyncProtocol.SchemaNotice {
    SyncProtocol.SchemaNotice(
      current: current.description,
      minimum: APIVersion(current.major, 0, 0).description)
  }

  /// Refuses the changes of other major versions, and of a version that is not served yet.
  var lens: PushLens {
    let current = current
    return PushLens { mutation in
      guard let version = APIVersion(mutation.schema) else {
        throw UpgradeRequired(
          "A change says for which version of the schema it was made, such as \(current).")
      }
      guard version.major >= current.major else {
        throw UpgradeRequired(
          "This app is too old for its server: renew it. What you have changed is kept on the "
            + "device, and sent then.")
      }
      guard version <= current else {
        throw UpgradeRequired(
          "This app is newer than its server: what you have changed is kept on the device, and sent "
            + "when the server has been renewed.")
      }
      return mutation.operations
    }
  }
}

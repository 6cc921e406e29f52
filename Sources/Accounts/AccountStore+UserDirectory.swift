package import Queries
import Records
package import RoostCore

extension AccountStore: UserDirectory {
  package func userExists(_ id: UUID, in reader: any Reader) async throws -> Bool {
    try await exists(id, in: reader)
  }
}

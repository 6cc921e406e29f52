package import Queries
import Records
package import RoostCore

extension AccountStore: UserDirectory {
  package func userExists(_ id: UUID, in transaction: any Transaction) async throws -> Bool {
    try await UserStore.keep(id, in: transaction)
  }

  package func userIsKnown(_ id: UUID, in transaction: any Transaction) async throws -> Bool {
    try await UserStore.isKnown(id, in: transaction)
  }

  package func usersExist(_ ids: [UUID], in transaction: any Transaction) async throws -> Bool {
    try await UserStore.keep(ids, in: transaction)
  }
}

import RoostCore
import Synchronization

/// What every account was granted, in memory, since each request asks.
///
/// A copy of the database under the version of `roost_grant_version`. Most accounts hold nothing:
/// for them a look-up is one load of a filter.
final class RoleDirectory: Sendable {
  /// What a change of one account's grants made of them.
  struct Change: Sendable {
    let version: Int64
    let user: UUID
    let grants: Grants
  }

  /// All grants at one moment.
  struct Contents: Sendable {
    let version: Int64
    let grants: [UUID: Grants]
  }

  private let roles: AppRoles
  private let state = Mutex(Contents(version: -1, grants: [:]))
  /// A bit for each holder, by six bits of the identifier; never one too few.
  private let filter = Atomic<UInt64>(0)

  init(roles: AppRoles) { self.roles = roles }

  /// The grants of an account; nil where it has none.
  subscript(user: UUID) -> Grants? {
    guard filter.load(ordering: .acquiring) & RoleDirectory.bit(user) != 0 else { return nil }
    return state.withLock { $0.grants[user] }
  }

  var version: Int64 { state.withLock { $0.version } }

  var hasAdministrator: Bool {
    state.withLock { state in state.grants.values.contains { roles.administers($0.roles) } }
  }

  /// Takes what was read from the database, unless something newer is known; whether it is newer than
  /// what was known.
  @discardableResult
  func replace(with contents: Contents) -> Bool {
    let known = contents.grants.compactMapValues { self.known($0) }
    return state.withLock { state in
      guard contents.version >= state.version else { return false }
      let isNews = contents.version > state.version
      state = Contents(version: contents.version, grants: known)
      filter.store(
        known.keys.reduce(into: 0) { $0 |= RoleDirectory.bit($1) }, ordering: .releasing)
      return isNews
    }
  }

  /// Takes a change that follows the known version; false where some were missed in between, and
  /// everything has to be read.
  func take(_ change: Change) -> Bool {
    state.withLock { state in
      if change.version <= state.version { return true }
      guard change.version == state.version + 1 else { return false }
      var grants = state.grants
      // Given up first: a copy of all holders for each change would cost too much.
      state = Contents(version: change.version, grants: [:])
      grants[change.user] = known(change.grants)
      state = Contents(version: change.version, grants: grants)
      filter.bitwiseOr(RoleDirectory.bit(change.user), ordering: .releasing)
      return true
    }
  }

  /// The part of some grants that the present schema knows; nil where nothing is left.
  private func known(_ grants: Grants) -> Grants? {
    let known = Grants(
      roles: grants.roles.filter { roles.contains($0) }, claims: grants.claims)
    return known.isEmpty ? nil : known
  }

  private static func bit(_ user: UUID) -> UInt64 { 1 << (user.low & 63) }
}

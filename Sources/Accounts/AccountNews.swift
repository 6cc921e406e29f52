import Queries
package import RoostCore
import Synchronization

/// Whose grants, sessions or devices are no longer what they were.
package enum AccountNews: Sendable, Equatable {
  case of(UUID)
  /// Another process changed something: of whom is not told.
  case ofAnybody
}

/// Tells those who hold something back for an account that this is another one now.
final class AccountHerald: Sendable {
  private let listeners = Mutex<[@Sendable (AccountNews) -> Void]>([])

  func add(_ listener: @escaping @Sendable (AccountNews) -> Void) {
    listeners.withLock { $0.append(listener) }
  }

  func tell(_ news: AccountNews) {
    for listener in listeners.withLock({ $0 }) { listener(news) }
  }
}

extension AccountStore {
  /// Has `listener` called after each change of what an account may do, or in which sessions: by this
  /// process at once, by another one when it is looked up (`hearOthers`).
  ///
  /// It must not block.
  package func onNews(_ listener: @escaping @Sendable (AccountNews) -> Void) {
    herald.add(listener)
  }

  /// Makes known, to other processes too, that something beside grants and sessions has changed for an
  /// account: a device was signed out, a gate has closed.
  ///
  /// What has changed stands, whether others can be told or not.
  package func announce(_ account: UUID) async {
    herald.tell(.of(account))
    guard database.dialect.hasOtherWriters else { return }
    do {
      let change = try await database.write { transaction in
        try await GrantStore.hold(in: transaction)
        return try await GrantStore.change(of: account, in: transaction)
      }
      try await adopt(change)
    } catch {
      ambient.logger.warning(
        "other processes do not hear at once what changed for an account",
        [("cause", .string("\(error)"))])
    }
  }

  /// Refuses the tokens of sessions that an account had.
  func end(_ sessions: [UUID], of account: UUID) {
    guard !sessions.isEmpty else { return }
    revoked.insert(sessions)
    herald.tell(.of(account))
  }
}

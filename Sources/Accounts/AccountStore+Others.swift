import Queries
import RoostCore
import Synchronization

/// What other processes on the same database do to grants and sessions.
extension AccountStore {
  /// Looks up what other processes have changed, as is done every two seconds: grants, and sessions that
  /// have ended, whose tokens are refused from then on.
  package func hearOthers() async throws {
    // Sessions come first, so that who waits is not asked in one that has ended; and where one of both
    // cannot be looked up, the other can.
    var failure: (any Error)?
    do {
      try await refuseEnded()
    } catch {
      failure = error
    }
    try await refreshGrants()
    if let failure { throw failure }
  }

  /// Reads the grants again if another process has changed them.
  func refreshGrants() async throws {
    let known = directory.version
    let version = try await database.read(.statement) { try await GrantStore.version(in: $0) }
    guard version != known else { return }
    let isNews = directory.replace(
      with: try await database.read(.snapshot) { try await GrantStore.all(in: $0) })
    if isNews { herald.tell(.ofAnybody) }
  }

  /// Refuses the tokens of the sessions that others have ended since the last time.
  ///
  /// A session bears the time at which its end was asked for, by the clock of whom it was asked: what
  /// is committed later, or elsewhere, lies before the last look.
  private func refuseEnded() async throws {
    let now = ambient.time.now()
    let last = endsLookedUp.withLock { $0 } ?? now
    let since = min(last, now).adding(milliseconds: -configuration.clockDifferenceSeconds * 1000)
    let ended = try await database.read(.statement) { reader in
      try await SessionStore.revoked(since: since, in: reader)
    }
    endsLookedUp.withLock { $0 = now }
    let news = ended.filter { !revoked.contains($0.id) }
    revoked.insert(news.map(\.id))
    for user in Set(news.map(\.user)) { herald.tell(.of(user)) }
  }

  /// Hears the others now and then, until it is stopped.
  func watch() {
    let pause = UInt64(max(1, configuration.watchMilliseconds)) * 1_000_000
    // Holds the accounts only while it looks: a watch that nobody stopped ends with them.
    let task = Task { [weak self] in
      while true {
        do { try await Task.sleep(nanoseconds: pause) } catch { return }
        guard let self else { return }
        do {
          try await hearOthers()
        } catch let error as RoostError where error.code == .draining {
          // The database closes, and the task is ended with it; or a migration passes.
          continue
        } catch {
          ambient.logger.warning(
            "what other servers changed of accounts could not be looked up and will be again",
            [("cause", .string("\(error)"))])
        }
      }
    }
    watching.withLock { $0 = task }
  }
}

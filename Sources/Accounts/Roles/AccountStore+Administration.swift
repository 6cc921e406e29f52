import Cryptography
import Queries
package import RoostCore

extension AccountStore {
  /// Makes the caller an administrator by a one-time claim; in effect when it returns.
  ///
  /// The grant and the mark that the claim was used are one transaction, and only then does the file
  /// go: after a crash in between the claim does not work again. Throws `.unauthenticated` for
  /// nobody, `.forbidden` for an anonymous account and for a claim that is forged, used or expired,
  /// which are answered alike; `.rateLimited`.
  package func becomeAdministrator(
    _ caller: Caller, token: String, claim file: AdminClaimFile, from client: ClientAddress
  ) async throws {
    guard let uid = caller.uid else { throw AccountStore.signInFirst }
    try limits.takeCredentials(client)
    try limits.takeLogin(uid.description)
    guard !caller.isAnonymous else { throw AccountStore.registerFirst }
    let now = ambient.time.now()
    let digest = SHA256.digest(Array(token.utf8))
    guard let expected = file.digest(now: now), ConstantTime.equal(digest, expected) else {
      throw AccountStore.invalidClaimLink
    }
    let change = try await database.write { transaction in
      guard let account = try await UserStore.find(id: uid, in: transaction)?.account else {
        throw AccountStore.signInFirst
      }
      guard !account.isAnonymous else { throw AccountStore.registerFirst }
      do {
        try await GrantStore.use(claim: digest, by: uid, now: now, in: transaction)
      } catch let violation as ConstraintViolation where violation.kind == .unique {
        throw AccountStore.invalidClaimLink
      }
      _ = try await GrantStore.insert(
        role: AppRoles.administrator, to: uid, by: nil, now: now, in: transaction)
      return try await GrantStore.change(of: uid, in: transaction)
    }
    if let reason = file.remove(digest) {
      ambient.logger.warning(
        "the used claim could not be removed from the data folder", [("cause", .string(reason))])
    }
    ambient.logger.notice(
      "somebody became an administrator by a one-time link",
      [("user", .string(uid.description)), ("address", .string(client.address))])
    try await adopt(change)
  }

  private static var registerFirst: RoostError {
    RoostError(
      .forbidden,
      "An anonymous account cannot be an administrator: register with an e-mail address first.")
  }
  private static var invalidClaimLink: RoostError {
    RoostError(
      .forbidden,
      "This link has been used, has expired or is not right: run roost admin again for another.")
  }
}

import Cryptography
import RoostCore

/// The rate limits of accounts.
struct AccountLimits: Sendable {
  private let loginsPerAccount: RateLimiter
  private let credentialsPerAddress: RateLimiter
  private let anonymousPerAddress: RateLimiter
  private let refreshesPerAddress: RateLimiter

  init(_ configuration: AccountsConfiguration, time: any TimeSource) {
    func limiter(_ rate: Rate) -> RateLimiter {
      RateLimiter(rate, capacity: configuration.rateLimitedKeys, time: time)
    }
    loginsPerAccount = limiter(configuration.loginsPerAccount)
    credentialsPerAddress = limiter(configuration.credentialsPerAddress)
    anonymousPerAddress = limiter(configuration.anonymousPerAddress)
    refreshesPerAddress = limiter(configuration.refreshesPerAddress)
  }

  /// Counts an attempt with a password from this address.
  func takeCredentials(_ client: ClientAddress) throws {
    try credentialsPerAddress.take(client.networkKey)
  }

  /// Counts a sign-in to this account, whether it exists or not.
  func takeLogin(_ email: String) throws {
    // A short digest: what is remembered must not grow with what is sent.
    try loginsPerAccount.take(Base64.encode(Array(SHA256.digest(Array(email.utf8)).prefix(11))))
  }

  func takeAnonymous(_ client: ClientAddress) throws {
    try anonymousPerAddress.take(client.networkKey)
  }

  func takeRefresh(_ client: ClientAddress) throws {
    try refreshesPerAddress.take(client.networkKey)
  }
}

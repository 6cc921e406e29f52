package import Cryptography

/// What an operator can set about accounts; the defaults are the ones that are meant.
package struct AccountsConfiguration: Sendable {
  /// `iss` of access tokens.
  package var issuer = "roost"
  /// `aud` of access tokens.
  package var audience = "roost"
  /// The longest life that an access token may be given, whatever the setting says today.
  package static let longestAccessTokenSeconds: Int64 = 1440 * 60

  /// How long an access token is valid; at most `longestAccessTokenSeconds`.
  package var accessTokenSeconds: Int64 = 600
  /// By how much clocks may differ when an access token is judged.
  package var leewaySeconds: Int64 = 5
  /// How long a session lives without being refreshed.
  package var sessionIdleSeconds: Int64 = 30 * 86_400
  /// How long a session lives at most.
  package var sessionAbsoluteSeconds: Int64 = 180 * 86_400
  /// How long the rows of ended sessions are kept.
  package var endedSessionSeconds: Int64 = 7 * 86_400
  /// Sessions of one account; a further one ends the one that was used longest ago.
  package var sessionsPerAccount = 100
  /// How long an anonymous account is kept after its last session ended; nil for ever.
  package var anonymousLifetimeSeconds: Int64?

  /// Characters that a password needs where it is the only factor.
  package var minimumPasswordCharacters = 15
  /// Bytes that a password may have.
  package var maximumPasswordBytes = 1024
  /// What checking a password costs.
  package var passwordCost = PasswordHash.Cost.standard
  /// Passwords that are checked at once.
  package var passwordThreads = 2
  /// Passwords that wait to be checked before more are refused with 503.
  package var passwordQueue = 32

  /// Verified access tokens that are remembered.
  package var cachedTokens = 8192
  /// How often the database is asked what other processes have done to roles, claims and sessions.
  package var watchMilliseconds = 2000
  /// How far the clocks of processes may lie apart, with the time that a commit takes, for each to hear
  /// of the sessions that the others end.
  package var clockDifferenceSeconds: Int64 = 120
  /// Keys (accounts or addresses) that each rate limit remembers.
  package var rateLimitedKeys = 65_536
  /// Sign-ins to one account, wherever they come from.
  package var loginsPerAccount = Rate(count: 5, seconds: 60, burst: 10)
  /// Sign-ins, registrations and upgrades from one address.
  package var credentialsPerAddress = Rate(count: 30, seconds: 60, burst: 30)
  /// Anonymous accounts made from one address.
  package var anonymousPerAddress = Rate(count: 10, seconds: 3600, burst: 10)
  /// Refreshes from one address.
  package var refreshesPerAddress = Rate(count: 60, seconds: 60, burst: 60)

  package init() {}

  /// Has sessions and their tokens live for so long: for worlds in which years pass in a moment.
  package mutating func live(_ seconds: Int64) {
    accessTokenSeconds = seconds
    sessionIdleSeconds = seconds
    sessionAbsoluteSeconds = seconds
  }

  /// How long the access tokens of a session may be about after it was revoked.
  ///
  /// Not the life that tokens are given now: those made before the last start may have been given
  /// more.
  var revocationSeconds: Int64 {
    max(AccountsConfiguration.longestAccessTokenSeconds, accessTokenSeconds) + leewaySeconds
  }

  /// Lets everybody try as often as they like: for tests, benchmarks and drills.
  package mutating func liftRateLimits() {
    loginsPerAccount = .unlimited
    credentialsPerAddress = .unlimited
    anonymousPerAddress = .unlimited
    refreshesPerAddress = .unlimited
  }
}

import Accounts
import REST
import RoostCore
import Synchronization
import Transport

/// How often one address, one account and one device may ask: what `limits:` of `roost.yaml` says.
///
/// Each request is counted by all that apply to it; the one of which least is left is told in
/// `RateLimit`. (draft-ietf-httpapi-ratelimit-headers, version 10.)
final class RequestLimits: Sendable {
  enum Kind: String, Sendable, CaseIterable { case address, account, device }

  private struct Limit: Sendable {
    let kind: Kind
    let rate: Rate
    let limiter: RateLimiter
    let policy: String
  }

  /// What a request is told.
  struct Verdict {
    var fields: [(name: String, value: String)] = []
    var error: RoostError?
  }

  private let limits: [Limit]
  private let authenticator: Authenticator
  private let asksWho: Bool
  private let refused: Mutex<[Kind: Int]>
  private let policies: String

  /// Nil where the settings have no limits.
  init?(_ settings: Settings, authenticator: Authenticator, time: any TimeSource) {
    let keys: [(Kind, SettingKey)] = [
      (.address, SettingKeys.limitsAddress), (.account, SettingKeys.limitsAccount),
      (.device, SettingKeys.limitsDevice),
    ]
    var limits: [Limit] = []
    for (kind, key) in keys {
      guard let rate = Rate(settings.text(key)) else { continue }
      limits.append(
        Limit(
          kind: kind, rate: rate, limiter: RateLimiter(rate, capacity: 100_000, time: time),
          policy: "\"\(kind.rawValue)\";q=\(rate.burst);w=\(rate.refillSeconds)"))
    }
    guard !limits.isEmpty else { return nil }
    self.limits = limits
    self.authenticator = authenticator
    asksWho = limits.contains { $0.kind != .address }
    policies = limits.map(\.policy).joined(separator: ", ")
    refused = Mutex(Dictionary(uniqueKeysWithValues: limits.map { ($0.kind, 0) }))
  }

  /// Counts a request.
  func take(_ request: Request) -> Verdict {
    // Credentials that are not right are refused by the route; here they are nobody's.
    let caller = asksWho ? try? authenticator.caller(of: request) : nil
    var least: (Limit, RateLimiter.Standing)?
    var error: RoostError?
    for limit in limits {
      let key: String?
      switch limit.kind {
      case .address: key = ClientAddress(request.remoteAddress).networkKey
      case .account: key = caller?.uid?.description
      case .device: key = caller?.sessionID?.description
      }
      guard let key else { continue }
      let standing = limit.limiter.count(key)
      if let seconds = standing.waitSeconds {
        refused.withLock { $0[limit.kind, default: 0] += 1 }
        error = RoostError(
          .rateLimited,
          "Too many requests of one \(limit.kind.rawValue): try again in \(seconds) seconds.",
          retryAfterSeconds: seconds)
        least = (limit, standing)
        break
      }
      if least.map({ standing.remaining < $0.1.remaining }) ?? true { least = (limit, standing) }
    }
    var verdict = Verdict()
    verdict.error = error
    if let (limit, standing) = least {
      verdict.fields = [
        ("RateLimit-Policy", policies),
        (
          "RateLimit",
          "\"\(limit.kind.rawValue)\";r=\(standing.remaining);t=\(standing.resetSeconds)"
        ),
      ]
    }
    return verdict
  }

  var metrics: [Metric] {
    [
      Metric(
        "roost_http_rate_limited_total", .counter, "Requests answered 429 by the limit.",
        samples: refused.withLock { $0 }.sorted { $0.key.rawValue < $1.key.rawValue }.map {
          ([("limit", $0.key.rawValue)], Double($0.value))
        })
    ]
  }
}

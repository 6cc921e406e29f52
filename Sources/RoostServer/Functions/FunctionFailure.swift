package import HTTPClient
package import RoostCore

/// Why a call of a function came to nothing; `reason` is safe to show.
package struct FunctionFailure: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The breaker is open, perhaps because the key is not accepted: nothing was sent. Milliseconds
    /// until there may be another look.
    case unavailable(milliseconds: Int64, refusesKey: Bool)
    case transport(OutgoingFailure)
    /// An answer of this status that is neither a success nor a refusal.
    case status(Int)
    /// The function says no, with one of the codes that it may say it with.
    case refusal(ErrorCode)
    /// The answer cannot be used, or what it asks for may not be done.
    case answer
  }

  package let kind: Kind
  package let reason: String
  /// For how long the function asks to be left alone (Retry-After).
  package let retryAfterSeconds: Int?

  package init(_ kind: Kind, _ reason: String, retryAfterSeconds: Int? = nil) {
    self.kind = kind
    self.reason = reason
    self.retryAfterSeconds = retryAfterSeconds
  }

  package var description: String { reason }

  /// Whether another call may come to something.
  package var isPassing: Bool {
    switch kind {
    case .unavailable: true
    case .transport(let failure): failure.isPassing
    case .status(let status):
      status == 401 || status == 403 || status == 408 || status == 425
        || status == 429 || status >= 500
    case .refusal, .answer: false
    }
  }

  /// Whether a status without words says that the key is not accepted.
  static func refusesKey(_ status: Int) -> Bool { status == 401 || status == 403 }

  /// Why a function is left alone.
  static func cause(_ refusesKey: Bool) -> String {
    refusesKey ? "does not accept the key of this server" : "failed too often"
  }

  /// In how many milliseconds to come back, where nothing was sent; nil where something was.
  var untriedMilliseconds: Int64? {
    switch kind {
    case .unavailable(let milliseconds, _): milliseconds
    case .transport(let failure) where failure.kind == .overloaded: 1000
    case .transport, .status, .refusal, .answer: nil
    }
  }

  /// The same as whoever asked for an action is told it.
  package func error(of function: String) -> RoostError {
    let failed = "The function of \(function) "
    switch kind {
    case .unavailable(let milliseconds, let refusesKey):
      return RoostError(
        .functionUnavailable,
        failed + "\(FunctionFailure.cause(refusesKey)) and is left alone for a moment.",
        retryAfterSeconds: Int(clamping: (milliseconds + 999) / 1000))
    case .transport(let failure) where failure.kind == .timedOut:
      return RoostError(
        .functionTimeout, failed + "did not answer in time; nothing was changed.",
        retryAfterSeconds: 1, cause: self)
    case .transport(let failure) where failure.kind == .overloaded:
      return RoostError(
        .functionUnavailable, failed + "cannot be called now: too many calls are under way.",
        retryAfterSeconds: 1, cause: self)
    case .transport(let failure):
      return RoostError(
        .functionFailed, failed + "cannot be used (\(failure.kind.rawValue)); nothing was changed.",
        cause: self)
    case .status(let status) where FunctionFailure.refusesKey(status):
      return RoostError(
        .functionFailed,
        failed + "does not accept the key of this server (\(status)); nothing was changed.",
        retryAfterSeconds: retryAfterSeconds, cause: self)
    case .status(let status):
      return RoostError(
        .functionFailed, failed + "answered \(status); nothing was changed.",
        retryAfterSeconds: retryAfterSeconds, cause: self)
    case .refusal(let code): return RoostError(code, reason)
    case .answer:
      return RoostError(
        .functionFailed, failed + "gave an answer that cannot be used: \(reason)", cause: self)
    }
  }
}

package import RoostCore

/// The answer to a write, kept for a while so that a repeat of the request can be answered with it.
package struct Receipt: Sendable {
  package let status: Int
  /// The header fields that belong to the answer: `Location`, `ETag`.
  package let headers: [(name: String, value: String)]
  /// A JSON document, or nothing.
  package let body: [UInt8]

  /// What it counts among those of its principal: the answer, and a KB for all that is beside it.
  var byteCount: Int { body.count + Receipt.beside }
  static let beside = 1024

  package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// A request that says of itself which one it is: who sent it, under which key, and what it asks for.
package struct ReceiptClaim: Sendable {
  /// How long a receipt is kept.
  package static let keptMilliseconds: Int64 = 86_400_000

  /// Who sent the request; keys of one principal mean nothing to another.
  package let principal: String
  /// Visible ASCII characters; a part of a claim has a space and its number behind them.
  package let key: String
  /// The method and the path, for whoever looks into the table.
  package let route: String
  /// A digest of everything that makes the request another one.
  package let fingerprint: [UInt8]
  /// Of a part, the key of the request that it belongs to.
  let whole: String?

  package init(principal: String, key: String, route: String, fingerprint: [UInt8]) {
    self.init(principal, key, route, fingerprint, whole: nil)
  }

  private init(
    _ principal: String, _ key: String, _ route: String, _ fingerprint: [UInt8], whole: String?
  ) {
    self.principal = principal
    self.key = key
    self.route = route
    self.fingerprint = fingerprint
    self.whole = whole
  }

  /// The claim of the part `number` of a request that is carried out in several transactions.
  ///
  /// A space stands in no key that a caller sends, so that no other claim has this key.
  package func part(_ number: Int) -> ReceiptClaim {
    ReceiptClaim(principal, "\(key) \(number)", route, fingerprint, whole: key)
  }

  /// What the transactions of a request and of its parts hold, so that they come one after the other.
  var lock: String { "receipt \(principal) \(whole ?? key)" }

  /// The error for a request that another process has carried out meanwhile.
  static var done: RoostError {
    RoostError(
      .conflict, "A request with this Idempotency-Key has just been carried out: repeat it.",
      retryAfterSeconds: 1)
  }

  /// The error for a key that belongs to another request.
  package static var reused: RoostError {
    .invalid(
      "Idempotency-Key", "reused",
      "This Idempotency-Key was sent with another request before: a key belongs to one method, "
        + "path, If-Match, Roost-Version and body. Send a new key with a new request.")
  }
}

/// What a write leaves for its repeats: the claim, and how the answer comes from the outcomes.
package struct ReceiptPlan: Sendable {
  package let claim: ReceiptClaim
  /// Runs inside the transaction, perhaps more than once, and has no effects.
  package let answer: @Sendable ([OperationOutcome]) -> Receipt

  package init(
    claim: ReceiptClaim, answer: @escaping @Sendable ([OperationOutcome]) -> Receipt
  ) {
    self.claim = claim
    self.answer = answer
  }
}

import Cryptography
import Records
import RoostCore
import Transport

/// Reads the `Idempotency-Key` of a request.
enum IdempotencyKey {
  static let characters = 1...255

  /// The claim that `request` makes with `key`.
  ///
  /// Throws `.malformed` for a key that is empty, too long, or not of visible ASCII characters.
  static func claim(_ key: String, of request: Request, by caller: Caller) throws -> ReceiptClaim {
    guard isWellFormed(key) else {
      throw RoostError(
        .malformed,
        "An Idempotency-Key has 1 to 255 visible ASCII characters, such as a UUID of its own for "
          + "each request.",
        issues: [
          FieldIssue(
            pointer: "Idempotency-Key", code: "format",
            message: "A key has 1 to 255 visible ASCII characters.")
        ])
    }
    // People without an account share one principal for each address that they come from.
    let principal = caller.uid?.description ?? "public \(request.remoteAddress)"
    return ReceiptClaim(
      principal: principal, key: key, route: "\(request.method.rawValue) \(request.path)",
      fingerprint: fingerprint(request))
  }

  static func isWellFormed(_ key: String) -> Bool {
    characters.contains(key.utf8.count) && key.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// A digest of what the request asks for: method, target, `If-Match`, `Roost-Version` and body.
  ///
  /// All but the body hold no line feed, so that they cannot be mistaken for one another.
  private static func fingerprint(_ request: Request) -> [UInt8] {
    let condition = request.header("if-match").map { "1" + $0 } ?? "0"
    let version = request.header("roost-version").map { $0 + "\n" } ?? ""
    let head =
      "\(request.method.rawValue)\n\(request.path)\n\(request.query ?? "")\n\(condition)\n"
      + version
    return SHA256.digest(Array(head.utf8) + SHA256.digest(request.body))
  }
}

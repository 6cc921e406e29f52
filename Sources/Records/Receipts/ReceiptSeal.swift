import Cryptography
import Queries
import RoostCore

/// How the receipts of a server with sealed fields are kept: what was answered may hold their values,
/// so that it is sealed by the key of whoever asked, and the digest of the request is a code under it.
///
/// Whether a receipt is sealed is told by its body, which then begins with a `$`: JSON does not.
struct ReceiptSeal {
  private let keys: DataKeys?
  private let key: DataKey?
  /// The receipt is sealed, and its key is gone.
  private(set) var isLost = false

  /// For a new receipt; without `keys` it is kept as it is.
  init(
    for claim: ReceiptClaim, _ keys: DataKeys?, in transaction: any Transaction
  ) async throws {
    self.keys = keys
    key = try await keys?.key(of: ReceiptSeal.scope(claim.principal), in: transaction)
  }

  /// For one that is there.
  init(_ receipt: Receipt, _ keys: DataKeys?, in reader: any Reader) async throws {
    self.keys = keys
    guard receipt.body.first == UInt8(ascii: "$") else {
      key = nil
      return
    }
    let id = DataKey.id(of: String(decoding: receipt.body.dropFirst(), as: UTF8.self)[...])
    var wrapped = ""
    try await reader.query(DataKeyTable.find, [.text(id ?? "")]) { row in
      wrapped = row.text(0)
      return false
    }
    key = id.flatMap { keys?.masters.unwrap(wrapped[...], id: $0) }
    isLost = key == nil
  }

  /// A person's claims begin with their id, however they are marked.
  private static func scope(_ principal: String) -> DataKeys.Scope {
    for part in principal.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "/" }) {
      if let id = UUID(String(part)) { return .person(id) }
    }
    return .app
  }

  private static func place(_ principal: String, _ key: String) -> [UInt8] {
    SealedPlace("receipt", Array("\(principal)\u{0}\(key)".utf8)).bytes
  }

  /// The digest that tells the request from others.
  func fingerprint(of claim: ReceiptClaim) -> [UInt8] {
    key?.code(for: claim.fingerprint) ?? claim.fingerprint
  }

  /// The body as it is kept.
  func body(of receipt: Receipt, _ claim: ReceiptClaim) -> [UInt8] {
    guard let key, let keys else { return receipt.body }
    let place = ReceiptSeal.place(claim.principal, claim.key)
    return Array("$\(key.seal(receipt.body, at: place, keys.ambient.random))".utf8)
  }

  /// The receipt as it was answered.
  func open(_ receipt: Receipt, _ principal: String, _ key: String) throws -> Receipt {
    guard let opener = self.key else {
      if isLost { throw ReceiptSeal.lost }
      return receipt
    }
    let text = String(decoding: receipt.body.dropFirst(), as: UTF8.self)
    guard let body = opener.open(text[...], at: ReceiptSeal.place(principal, key)) else {
      throw ReceiptSeal.lost
    }
    return Receipt(status: receipt.status, headers: receipt.headers, body: body)
  }

  static var lost: RoostError {
    RoostError(
      .conflict,
      "A request with this Idempotency-Key was carried out, and its answer can be read no more.")
  }
}

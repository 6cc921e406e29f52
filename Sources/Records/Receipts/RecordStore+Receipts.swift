import Queries
import RoostCore

extension RecordStore {
  private static let receiptsAtOnce: Int64 = 500

  /// The receipt that an earlier request with this claim left; nil where there is none.
  ///
  /// Throws `.invalid` where the key belongs to another request.
  package func receipt(for claim: ReceiptClaim) async throws -> Receipt? {
    let values: [Value] = [
      .text(claim.principal), .text(claim.key), .text(claim.key + "!"),
      .timestamp(expiry(at: ambient.time.now())),
    ]
    let found = try await database.read(.statement) { reader in
      try await reader.first(ReceiptTable.find, values) { row in
        (
          isWhole: row.text(0) == claim.key, isSame: row.blob(1) == claim.fingerprint,
          receipt: Receipt(
            status: Int(clamping: row.int64(2)), headers: ReceiptTable.headers(row.text(3)),
            body: row.blob(4))
        )
      }
    }
    guard let found else { return nil }
    guard found.isSame else { throw ReceiptClaim.reused }
    return found.isWhole ? found.receipt : nil
  }

  /// Stores the receipt of a request whose parts left theirs, and takes it in their place.
  package func leave(_ receipt: Receipt, for claim: ReceiptClaim) async throws {
    try await database.write { transaction in
      try await self.leave(receipt, for: claim, in: transaction)
      try await transaction.execute(
        ReceiptTable.removeParts,
        [.text(claim.principal), .text(claim.key + " "), .text(claim.key + "!")])
    }
  }

  /// Stores a receipt together with what it is about.
  ///
  /// Throws `.conflict` where somebody else has just left one for the same key, so that what it is
  /// about is undone.
  func leave(
    _ receipt: Receipt, for claim: ReceiptClaim, in transaction: any Transaction
  ) async throws {
    let now = ambient.time.now()
    let stored = try await transaction.execute(
      ReceiptTable.insert,
      [
        .text(claim.principal), .text(claim.key), .text(claim.route), .blob(claim.fingerprint),
        .timestamp(now), .int(Int64(receipt.status)), .text(ReceiptTable.text(receipt.headers)),
        .blob(receipt.body), .timestamp(expiry(at: now)),
      ])
    guard stored > 0 else {
      throw RoostError(
        .conflict, "A request with this Idempotency-Key has just been carried out: repeat it.",
        retryAfterSeconds: 1)
    }
  }

  /// Removes receipts that have expired, in small transactions.
  package func removeExpiredReceipts() async throws {
    let before = expiry(at: ambient.time.now())
    // Twice: one that was renewed between the look and the deletion stays.
    let values: [Value] = [
      .timestamp(before), .int(RecordStore.receiptsAtOnce), .timestamp(before),
    ]
    var removed = 0
    repeat {
      removed = try await database.write { transaction in
        try await transaction.execute(ReceiptTable.removeExpired, values)
      }
    } while removed >= Int(RecordStore.receiptsAtOnce)
  }

  /// The time up to which receipts have expired.
  private func expiry(at now: Timestamp) -> Timestamp {
    now.adding(milliseconds: -ReceiptClaim.keptMilliseconds)
  }
}

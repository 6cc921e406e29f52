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
      let found = try await reader.first(ReceiptTable.find, values) { row in
        (
          isWhole: row.text(0) == claim.key, key: row.text(0), fingerprint: row.blob(1),
          receipt: Receipt(
            status: Int(clamping: row.int64(2)), headers: ReceiptTable.headers(row.text(3)),
            body: row.blob(4))
        )
      }
      guard let found else { return nil as (Bool, Receipt)? }
      let seal = try await ReceiptSeal(found.receipt, self.catalogue.keys, in: reader)
      // Without its key nobody can say whether it is the same request: it was carried out.
      if seal.isLost { throw ReceiptSeal.lost }
      guard found.fingerprint == seal.fingerprint(of: claim) else { throw ReceiptClaim.reused }
      return (
        found.isWhole,
        found.isWhole ? try seal.open(found.receipt, claim.principal, found.key) : found.receipt
      )
    }
    guard let (isWhole, receipt) = found else { return nil }
    return isWhole ? receipt : nil
  }

  /// Stores the receipt of a request of which so many `parts` left theirs, and takes it in their place.
  ///
  /// Throws `.conflict` where another process has been faster, or has carried out a part of which the
  /// receipt does not know: then the parts' own receipts stay.
  package func leave(
    _ receipt: Receipt, for claim: ReceiptClaim, parts: Int
  ) async throws {
    try await database.write { transaction in
      try await RecordStore.hold(claim, in: transaction)
      try await self.leave(receipt, for: claim, in: transaction)
      let removed = try await transaction.execute(
        ReceiptTable.removeParts,
        [.text(claim.principal), .text(claim.key + " "), .text(claim.key + "!")])
      guard removed == parts else { throw ReceiptClaim.done }
    }
  }

  /// Begins the transaction of a part, which comes either wholly before the receipt of its request as a
  /// whole or not at all.
  ///
  /// Where several processes write, one may still be at the parts while another, which has done them
  /// all, takes their receipts away. Throws `.conflict` where the whole has been answered.
  func begin(_ claim: ReceiptClaim, in transaction: any Transaction) async throws {
    guard let whole = claim.whole else { return }
    try await RecordStore.hold(claim, in: transaction)
    let isAnswered = try await transaction.first(
      ReceiptTable.isThere,
      [.text(claim.principal), .text(whole), .timestamp(expiry(at: ambient.time.now()))]
    ) { _ in true }
    if isAnswered == true { throw ReceiptClaim.done }
  }

  private static func hold(_ claim: ReceiptClaim, in transaction: any Transaction) async throws {
    guard let lock = transaction.dialect.lockOfText else { return }
    try await transaction.query(Statement(lock), [.text(claim.lock)]) { _ in false }
  }

  /// Stores a receipt together with what it is about.
  ///
  /// Throws `.conflict` where somebody else has just left one for the same key, so that what it is
  /// about is undone.
  func leave(
    _ receipt: Receipt, for claim: ReceiptClaim, in transaction: any Transaction
  ) async throws {
    let now = ambient.time.now()
    let seal = try await ReceiptSeal(for: claim, catalogue.sealingKeys, in: transaction)
    let stored = try await transaction.execute(
      ReceiptTable.insert,
      [
        .text(claim.principal), .text(claim.key), .text(claim.route),
        .blob(seal.fingerprint(of: claim)),
        .timestamp(now), .int(Int64(receipt.status)), .text(ReceiptTable.text(receipt.headers)),
        .blob(seal.body(of: receipt, claim)), .timestamp(expiry(at: now)),
      ])
    guard stored > 0 else { throw ReceiptClaim.done }
  }

  // MARK: Room

  /// Throws `.rateLimited` where the receipts of the principal have taken up their room.
  ///
  /// None is given up before its time: a repeat would then be carried out again. The sum is looked up
  /// once in a while and added to in between, so requests at the same time may pass the bound a little.
  func checkRoom(for claim: ReceiptClaim) async throws {
    guard let bound = receiptBytes else { return }
    let now = ambient.time.now()
    var use = receiptUse.of(claim.principal, at: now, bound)
    if use == nil {
      let values: [Value] = [.text(claim.principal), .timestamp(expiry(at: now))]
      let found = try await database.read(.statement) { reader in
        try await reader.first(ReceiptTable.use, values) { row in
          ReceiptUse.Entry(
            bytes: row.int64(1) + row.int64(0) * Int64(Receipt.beside),
            oldest: Timestamp(milliseconds: row.int64(2)), looked: now)
        }
      }
      if let found { receiptUse.set(found, for: claim.principal) }
      use = found
    }
    guard let use, use.bytes >= bound else { return }
    let wait = (use.oldest.milliseconds - expiry(at: now).milliseconds) / 1000 + 1
    throw RoostError(
      .rateLimited,
      "The answers that are kept for your Idempotency-Keys have taken up their room. Repeats of "
        + "requests that were carried out are still answered; send others later, or without a key.",
      retryAfterSeconds: Int(min(max(wait, 1), ReceiptClaim.keptMilliseconds / 1000)))
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

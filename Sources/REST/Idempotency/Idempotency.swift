import Records
import RoostCore
import Synchronization
import Transport

/// Sees to it that a write with an `Idempotency-Key` takes effect once, however often it is sent.
///
/// What was done is known from its receipt, which is stored in the transaction of the write; what is
/// being done, from a table in memory.
final class Idempotency: Sendable {
  private struct Key: Hashable {
    let principal: String
    let key: String
  }

  private let records: RecordStore
  /// The fingerprints of the requests that are being carried out.
  private let running = Mutex<[Key: [UInt8]]>([:])

  init(_ records: RecordStore) { self.records = records }

  /// Answers by the receipt of `claim`, or else by `work`, which leaves one where it takes effect.
  ///
  /// Throws `.conflict` while another request with the same claim is being carried out, `.invalid`
  /// where the key belongs to another request.
  func once(
    _ claim: ReceiptClaim, _ work: () async throws -> Response
  ) async throws -> Response {
    let key = Key(principal: claim.principal, key: claim.key)
    try begin(key, claim.fingerprint)
    defer { running.withLock { $0[key] = nil } }
    if let receipt = try await records.receipt(for: claim) { return Idempotency.replay(receipt) }
    do {
      return try await work()
    } catch let error as CancellationError {
      throw error
    } catch {
      // Another process may have been faster, or the end of the transaction was not heard of: then
      // what was refused now was done before.
      guard let receipt = try? await records.receipt(for: claim) else { throw error }
      return Idempotency.replay(receipt)
    }
  }

  /// The answer that another process has given to the request of `claim` meanwhile.
  func answered(_ claim: ReceiptClaim) async throws -> Response? {
    try await records.receipt(for: claim).map(Idempotency.replay)
  }

  private func begin(_ key: Key, _ fingerprint: [UInt8]) throws {
    let other = running.withLock { running in
      let other = running[key]
      if other == nil { running[key] = fingerprint }
      return other
    }
    guard let other else { return }
    guard other == fingerprint else { throw ReceiptClaim.reused }
    throw RoostError(
      .conflict,
      "This request is being carried out, as another with the same Idempotency-Key: repeat it to "
        + "get the answer.", retryAfterSeconds: 1)
  }

  /// The stored answer, marked as such.
  private static func replay(_ receipt: Receipt) -> Response {
    var response = Response(receipt)
    response.headers.set("Idempotent-Replayed", "true")
    return response
  }
}

extension Receipt {
  /// The receipt of an answer that is JSON, or has no body.
  init(_ response: Response) {
    var body: [UInt8] = []
    if case .bytes(let bytes) = response.body { body = bytes }
    self.init(status: response.status, headers: response.headers.fields, body: body)
  }
}

extension Response {
  /// The answer that was given; it is JSON, or has no body.
  init(_ receipt: Receipt) {
    self =
      receipt.body.isEmpty
      ? Response(status: receipt.status) : .json(receipt.body, status: receipt.status)
    for field in receipt.headers { headers.add(field.name, field.value) }
  }
}

import Records
import Transport

/// The header fields of an operation of a batch.
struct BatchHead: RequestHead {
  var fields: [(name: String, value: String)]
  /// The claim that the batch makes for this operation, as a part of its own.
  var claim: ReceiptClaim?

  func field(_ name: StaticString) -> String? {
    let name = "\(name)"
    if let claim, name == "idempotency-key" { return claim.key }
    return fields.first { Headers.equal($0.name, name) }?.value
  }
}

import RoostCore
import Schema
import Transport

/// One operation of a batch: a request for a record or a list.
struct BatchOperation: Sendable {
  let method: Transport.Method
  /// Still percent-encoded, without the query.
  let path: String
  let query: String?
  /// The JSON bytes of the body; empty where there is none.
  let body: [UInt8]
  let fields: [(name: String, value: String)]
}

/// Reads one operation, and collects what is wrong with its shape.
struct BatchOperationReader {
  private static let methods: [Transport.Method] = [.get, .post, .patch, .delete]
  private static let members = ["method", "path", "body", "headers"]
  private static let headers = ["if-match", "if-none-match", "idempotency-key"]
  private static let longestValue = 4096

  /// Where the operation stands.
  let pointer: String
  let isAtomic: Bool
  /// The batch has an `Idempotency-Key`.
  let hasKey: Bool
  private(set) var faults = BatchFaults()

  init(pointer: String, isAtomic: Bool, hasKey: Bool) {
    self.pointer = pointer
    self.isAtomic = isAtomic
    self.hasKey = hasKey
  }

  /// The operation, or nil where something is wrong with it.
  mutating func read(_ value: JSON) -> BatchOperation? {
    guard let object = value.object else {
      faults.add(pointer, "type", "An operation is an object, not \(value.kind).")
      return nil
    }
    for (name, _) in object where !BatchOperationReader.members.contains(name) {
      faults.unknown(pointer, name, among: BatchOperationReader.members)
    }
    let method = method(object["method"])
    let target = target(object["path"])
    let body = body(object["body"], method)
    let fields = fields(object["headers"])
    guard faults.issues.isEmpty, let method, let target else { return nil }
    return BatchOperation(
      method: method, path: target.path, query: target.query, body: body, fields: fields)
  }

  private mutating func text(_ value: JSON?, _ name: String) -> String? {
    guard let value else {
      faults.add("\(pointer)/\(name)", "required", "\(name) is required.")
      return nil
    }
    guard let text = value.string else {
      faults.add("\(pointer)/\(name)", "type", "\(name) is a string, not \(value.kind).")
      return nil
    }
    return text
  }

  private mutating func method(_ value: JSON?) -> Transport.Method? {
    guard let text = text(value, "method") else { return nil }
    guard let method = BatchOperationReader.methods.first(where: { $0.rawValue == text }) else {
      faults.add(
        "\(pointer)/method", "enum", "method is GET, POST, PATCH or DELETE, in capitals.")
      return nil
    }
    return method
  }

  private mutating func target(_ value: JSON?) -> (path: String, query: String?)? {
    guard let text = text(value, "path") else { return nil }
    let place = "\(pointer)/path"
    guard text.hasPrefix("/v1/"), text.utf8.count <= Limits().targetBytes,
      text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") })
    else {
      faults.add(
        place, "format",
        "path begins with /v1/ and a collection, and is percent-encoded as in a request; no "
          + "scheme, host or fragment.")
      return nil
    }
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let path = String(parts[0])
    let first = path.dropFirst(4).prefix { $0 != "/" }
    if NameRules.reservedCollectionNames.contains(String(first)) {
      faults.add(place, "format", "A batch takes records and lists of collections, no \(first).")
      return nil
    }
    return (path, parts.count > 1 ? String(parts[1]) : nil)
  }

  private mutating func body(_ value: JSON?, _ method: Transport.Method?) -> [UInt8] {
    guard let value else { return [] }
    if method == .get || method == .delete {
      if !value.isNull {
        faults.add("\(pointer)/body", "unexpected", "GET and DELETE have no body.")
      }
      return []
    }
    return value.encoded
  }

  private mutating func fields(_ value: JSON?) -> [(name: String, value: String)] {
    guard let value else { return [] }
    guard let object = value.object else {
      faults.add(
        "\(pointer)/headers", "type", "headers is an object of strings, not \(value.kind).")
      return []
    }
    var fields: [(name: String, value: String)] = []
    for (name, value) in object {
      let place = BatchFaults.pointer("\(pointer)/headers", name)
      if let (code, message) = fault(name, value, fields.map(\.name)) {
        faults.add(place, code, message)
      } else {
        fields.append((name, value.string ?? ""))
      }
    }
    return fields
  }

  private func fault(
    _ name: String, _ value: JSON, _ before: [String]
  ) -> (code: String, message: String)? {
    let lower = name.lowercased()
    if lower == "authorization" {
      return ("unexpected", "All operations have the caller of the batch: leave it out.")
    }
    guard BatchOperationReader.headers.contains(lower) else {
      return (
        "unknown_field", "An operation takes If-Match, If-None-Match and Idempotency-Key."
      )
    }
    if lower == "idempotency-key", isAtomic || hasKey {
      return (
        "unexpected",
        isAtomic
          ? "An atomic batch is done once as a whole: send the key with the batch."
          : "The batch has an Idempotency-Key, which counts for all of its operations."
      )
    }
    if before.contains(where: { Headers.equal($0, name) }) {
      return ("repeated", "The header is there twice.")
    }
    guard let text = value.string else { return ("type", "A header is a string.") }
    guard text.utf8.count <= BatchOperationReader.longestValue,
      text.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return ("format", "A header has visible ASCII characters and spaces, at most 4096.") }
    return nil
  }
}

import Records
import RoostCore
import Schema
import Transport

/// What a batch asks for, checked in its shape; whether an operation can be carried out is its own
/// affair.
struct BatchDocument {
  static let maximumOperations = 100

  let isAtomic: Bool
  let operations: [BatchOperation]

  /// Reads the body of a batch; `hasKey` where the batch has an `Idempotency-Key`.
  ///
  /// Throws `.invalid` with the faults and their places, such as `/operations/3/path`.
  init(_ body: JSON, hasKey: Bool) throws {
    guard let object = body.object else {
      throw RoostError.invalid("", "type", "Send a JSON object, not \(body.kind).")
    }
    var faults = BatchFaults()
    isAtomic = BatchDocument.isAtomic(object["atomic"], &faults)
    for (name, _) in object where name != "atomic" && name != "operations" {
      faults.unknown("", name, among: ["atomic", "operations"])
    }
    var operations: [BatchOperation] = []
    for (index, value) in BatchDocument.list(object["operations"], &faults).enumerated() {
      var reader = BatchOperationReader(
        pointer: "/operations/\(index)", isAtomic: isAtomic, hasKey: hasKey)
      if let operation = reader.read(value) { operations.append(operation) }
      faults.issues += reader.faults.issues
    }
    if !faults.issues.isEmpty {
      throw RoostError.invalid(Array(faults.issues.prefix(BatchFaults.shown)))
    }
    self.operations = operations
  }

  private static func isAtomic(_ value: JSON?, _ faults: inout BatchFaults) -> Bool {
    guard let value else { return false }
    if let flag = value.bool { return flag }
    faults.add("/atomic", "type", "atomic is true or false, not \(value.kind).")
    return false
  }

  private static func list(_ value: JSON?, _ faults: inout BatchFaults) -> [JSON] {
    guard let value else {
      faults.add("/operations", "required", "Send a list of operations.")
      return []
    }
    guard let list = value.array else {
      faults.add("/operations", "type", "operations is a list, not \(value.kind).")
      return []
    }
    guard list.count <= maximumOperations else {
      faults.add(
        "/operations", "max_items",
        "A batch has at most \(maximumOperations) operations, and this one \(list.count): send "
          + "several.")
      return []
    }
    return list
  }
}

/// What is wrong with the shape of a batch.
struct BatchFaults {
  /// Faults that are told at once.
  static let shown = 100

  var issues: [FieldIssue] = []

  mutating func add(_ pointer: String, _ code: String, _ message: String) {
    guard issues.count < BatchFaults.shown else { return }
    issues.append(FieldIssue(pointer: pointer, code: code, message: message))
  }

  mutating func unknown(_ pointer: String, _ name: String, among known: [String]) {
    guard issues.count < BatchFaults.shown else { return }
    let hint = Schema.nearest(name, among: known).map { " Did you mean \($0)?" } ?? ""
    add(
      BatchFaults.pointer(pointer, name), "unknown_field",
      "There is no \"\(name.prefix(60))\" here.\(hint)")
  }

  /// The pointer to a member (RFC 6901), cut to a length that a message can bear.
  static func pointer(_ pointer: String, _ name: String) -> String {
    pointer + "/" + JSONPointer.escape(name.prefix(60))
  }
}

import Cryptography
import Queries
import Records
import RoostCore

/// Keyset cursors: the place of the last record of a page, signed together with the list, its
/// conditions, its order and the caller that it was made for, so that it can be used for nothing else.
struct ListCursors: Sendable {
  let signer: CursorSigner

  /// What a cursor belongs to.
  struct Context {
    let collection: CompiledCollection
    let caller: Caller
    /// The parameters that say which records the list has and in what order, as they were written.
    let conditions: String

    var purpose: String {
      var text = "list "
      text.reserveCapacity(44 + collection.name.utf8.count + conditions.utf8.count)
      text += collection.name
      text += " "
      text += caller.uid?.description ?? "everyone"
      text += " "
      text += conditions
      return text
    }
  }

  func encode(_ position: PagePosition, _ context: Context) -> String {
    var payload: [UInt8] = []
    payload.reserveCapacity(40)
    if let values = position.values {
      payload.append(UInt8(values.count))
      for value in values { ListCursors.append(value, to: &payload) }
    }
    if position.values == nil || payload.count > 1 + ListCursors.longest {
      // A cursor travels in the target of a request, which is bounded.
      payload = [ListCursors.row]
    }
    ListCursors.append(position.id, to: &payload)
    return signer.sign(payload, purpose: context.purpose)
  }

  /// The place, for a list of `keys` sort keys before the id.
  func decode(_ text: String, keys: Int, _ context: Context) throws -> PagePosition {
    guard let payload = signer.verify(text, purpose: context.purpose), payload.count >= 17,
      let id = payload.suffix(16).withUnsafeBytes({ UUID(bytes: $0) })
    else { throw ListCursors.foreign }
    var rest = payload.dropLast(16)
    let count = rest.removeFirst()
    if count == ListCursors.row, rest.isEmpty { return PagePosition(values: nil, id: id) }
    guard count == keys else { throw ListCursors.foreign }
    var values: [Value] = []
    for _ in 0..<count {
      guard let value = ListCursors.value(&rest) else { throw ListCursors.foreign }
      values.append(value)
    }
    guard rest.isEmpty else { throw ListCursors.foreign }
    return PagePosition(values: values, id: id)
  }

  /// Bytes of sort values that travel in a cursor; longer ones are read from their row again.
  private static let longest = 2000
  /// In place of the number of values: they are read from the row of the id.
  private static let row: UInt8 = 255

  private static var foreign: RoostError {
    RoostError(
      .malformed,
      "The cursor in after does not belong to this list: take it from next of the page before, "
        + "with the same filter, search, sort and caller.")
  }

  /// The first byte of a value, which says what it is.
  private enum Tag {
    static let null: UInt8 = 0
    static let int: UInt8 = 1
    static let double: UInt8 = 2
    static let text: UInt8 = 3
    static let uuid: UInt8 = 4
  }

  private static func append(_ value: Value, to payload: inout [UInt8]) {
    switch value {
    case .null: payload.append(Tag.null)
    case .int(let number):
      payload.append(Tag.int)
      append(UInt64(bitPattern: number), to: &payload)
    case .double(let number):
      payload.append(Tag.double)
      // Through its bits, so that the comparison meets the very same number.
      append(number.bitPattern, to: &payload)
    case .text(let text):
      payload.append(Tag.text)
      // What is longer than two bytes can say does not travel.
      let count = UInt16(truncatingIfNeeded: text.utf8.count)
      withUnsafeBytes(of: count.bigEndian) { payload.append(contentsOf: $0) }
      payload.append(contentsOf: text.utf8)
    case .uuid(let id):
      payload.append(Tag.uuid)
      append(id, to: &payload)
    case .blob(let bytes):
      payload.append(Tag.uuid)
      payload.append(contentsOf: bytes)
    }
  }

  private static func append(_ id: UUID, to payload: inout [UInt8]) {
    append(id.high, to: &payload)
    append(id.low, to: &payload)
  }

  private static func value(_ rest: inout ArraySlice<UInt8>) -> Value? {
    func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    switch take(1)?.first {
    case Tag.null: return .null
    case Tag.int: return take(8).map { .int(Int64(bitPattern: number($0))) }
    case Tag.double: return take(8).map { .double(Double(bitPattern: number($0))) }
    case Tag.text:
      guard let length = take(2), let bytes = take(Int(number(length))) else { return nil }
      return String(validating: bytes, as: UTF8.self).map { .text($0) }
    case Tag.uuid:
      return take(16)?.withUnsafeBytes { UUID(bytes: $0) }.map { .uuid($0) }
    default: return nil
    }
  }

  private static func append(_ bits: UInt64, to payload: inout [UInt8]) {
    withUnsafeBytes(of: bits.bigEndian) { payload.append(contentsOf: $0) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

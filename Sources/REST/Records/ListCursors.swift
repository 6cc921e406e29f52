import Cryptography
import Queries
import Records
import RoostCore

/// Keyset cursors: the place of the last record of a page, signed together with the list, the order
/// and the caller that it was made for, so that it can be used for nothing else.
struct ListCursors: Sendable {
  let signer: CursorSigner

  func encode(
    _ position: PagePosition, of sort: SortKey, in collection: CompiledCollection,
    for caller: Caller
  ) -> String {
    var payload: [UInt8] = []
    payload.reserveCapacity(40)
    switch position.value {
    case .null: payload.append(Tag.null)
    case nil: payload.append(Tag.row)
    // A cursor travels in the target of a request, which is bounded.
    case .text(let text) where text.utf8.count > ListCursors.longestText:
      payload.append(Tag.row)
    case .int(let number): payload += Tag.number(Tag.int, UInt64(bitPattern: number))
    // Through its bits, so that the comparison meets the very same number.
    case .double(let number): payload += Tag.number(Tag.double, number.bitPattern)
    case .text(let text):
      payload.append(Tag.text)
      payload += text.utf8
    case .uuid(let id): payload += [Tag.uuid] + id.bytes
    case .blob(let bytes): payload += [Tag.uuid] + bytes
    }
    payload += position.id.bytes
    return signer.sign(payload, purpose: context(sort, collection, caller))
  }

  func decode(
    _ text: String, of sort: SortKey, in collection: CompiledCollection, for caller: Caller
  ) throws -> PagePosition {
    guard let payload = signer.verify(text, purpose: context(sort, collection, caller)),
      payload.count >= 17, let id = payload.suffix(16).withUnsafeBytes({ UUID(bytes: $0) })
    else { throw ListCursors.foreign }
    if payload[0] == Tag.row { return PagePosition(value: nil, id: id) }
    guard let value = value(payload[0], payload[1..<(payload.count - 16)]) else {
      throw ListCursors.foreign
    }
    return PagePosition(value: value, id: id)
  }

  /// Bytes of a sort value that travel in a cursor; a longer one is read from its row again.
  private static let longestText = 512

  private static var foreign: RoostError {
    RoostError(
      .malformed,
      "The cursor in after does not belong to this list: take it from next of the page before, "
        + "with the same sort and the same caller.")
  }

  private func value(_ tag: UInt8, _ bytes: ArraySlice<UInt8>) -> Value? {
    switch tag {
    case Tag.null: return bytes.isEmpty ? .null : nil
    case Tag.int: return Tag.number(bytes).map { .int(Int64(bitPattern: $0)) }
    case Tag.double: return Tag.number(bytes).map { .double(Double(bitPattern: $0)) }
    case Tag.text: return String(validating: bytes, as: UTF8.self).map { .text($0) }
    case Tag.uuid: return bytes.withUnsafeBytes { UUID(bytes: $0) }.map { .uuid($0) }
    default: return nil
    }
  }

  /// The first byte of a cursor's payload, which says what the sort value behind it is; the id
  /// stands at the end.
  private enum Tag {
    static let null: UInt8 = 0
    static let int: UInt8 = 1
    static let double: UInt8 = 2
    static let text: UInt8 = 3
    static let uuid: UInt8 = 4
    /// No value: it is read from the row of the id.
    static let row: UInt8 = 5

    static func number(_ tag: UInt8, _ bits: UInt64) -> [UInt8] {
      [tag] + withUnsafeBytes(of: bits.bigEndian) { Array($0) }
    }

    static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
      bytes.count == 8 ? bytes.reduce(0) { $0 << 8 | UInt64($1) } : nil
    }
  }

  private func context(
    _ sort: SortKey, _ collection: CompiledCollection, _ caller: Caller
  ) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(96)
    text += "list ".utf8
    text += collection.name.utf8
    text += sort.descending ? " -".utf8 : " +".utf8
    text += sort.name.utf8
    text.append(UInt8(ascii: " "))
    if let uid = caller.uid { uid.write(to: &text) } else { text += "everyone".utf8 }
    return String(decoding: text, as: UTF8.self)
  }
}

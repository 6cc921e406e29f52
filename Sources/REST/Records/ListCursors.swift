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
    let value: JSON
    switch position.value {
    case .null: value = .null
    case .int(let number): value = ["i", .int(number)]
    // Through its bits, so that the comparison meets the very same number.
    case .double(let number): value = ["d", .string(String(number.bitPattern))]
    case .text(let text): value = ["t", .string(text)]
    case .uuid(let id): value = ["u", .string(id.description)]
    case .blob(let bytes):
      let id = bytes.withUnsafeBytes { UUID(bytes: $0) }
      value = id.map { ["u", .string($0.description)] } ?? .null
    }
    let payload: JSON = [value, .string(position.id.description)]
    return signer.sign(payload.encoded, purpose: context(sort, collection, caller))
  }

  func decode(
    _ text: String, of sort: SortKey, in collection: CompiledCollection, for caller: Caller
  ) throws -> PagePosition {
    guard let payload = signer.verify(text, purpose: context(sort, collection, caller)),
      let parts = try? JSON.parse(payload).array, parts.count == 2,
      let id = parts[1].string.flatMap({ UUID($0) }), let value = value(parts[0])
    else {
      throw RoostError(
        .malformed,
        "The cursor in after does not belong to this list: take it from next of the page before, "
          + "with the same sort and the same caller.")
    }
    return PagePosition(value: value, id: id)
  }

  private func value(_ json: JSON) -> Value? {
    if json.isNull { return .null }
    guard let parts = json.array, parts.count == 2 else { return nil }
    switch parts[0].string {
    case "i": return parts[1].int.map { .int($0) }
    case "d":
      return parts[1].string.flatMap { UInt64($0) }.map { .double(Double(bitPattern: $0)) }
    case "t": return parts[1].string.map { .text($0) }
    case "u": return parts[1].string.flatMap { UUID($0) }.map { .uuid($0) }
    default: return nil
    }
  }

  private func context(
    _ sort: SortKey, _ collection: CompiledCollection, _ caller: Caller
  ) -> String {
    "list \(collection.name) \(sort.descending ? "-" : "+")\(sort.name) "
      + (caller.uid?.description ?? "everyone")
  }
}

import RoostCore
import SyncProtocol

/// The stamps of the clocks that are stored with a row.
///
/// Reads the column `_clocks` in words of its own: 1, the clients, the row's stamp, those of fields,
/// and those of parts of fields, with counts, fields and places of clients in LEB128.
struct StoredStamps {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  private var clients: [UUID] = [.zero]

  /// Calls `body` with each of them; false where the bytes are none.
  static func each(in bytes: UnsafeRawBufferPointer, _ body: (Stamp) -> Void) -> Bool {
    var stamps = StoredStamps(bytes: bytes)
    return stamps.readAll(body)
  }

  private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private mutating func readAll(_ body: (Stamp) -> Void) -> Bool {
    guard number() == 1, let count = number() else { return false }
    for _ in 0..<count {
      guard let id = take(16), let client = UUID(bytes: id) else { return false }
      clients.append(client)
    }
    guard let base = stamp() else { return false }
    body(base)
    guard let fields = number() else { return false }
    for _ in 0..<fields {
      guard number() != nil, let stamp = stamp() else { return false }
      body(stamp)
    }
    guard let parts = number() else { return false }
    for _ in 0..<parts {
      guard number() != nil, let stamp = stamp(), let length = number(), take(length) != nil else {
        return false
      }
      body(stamp)
    }
    return offset == bytes.count
  }

  private mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count <= bytes.count - offset else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  private mutating func number() -> Int? {
    var value = 0
    for shift in stride(from: 0, to: 56, by: 7) {
      guard offset < bytes.count else { return nil }
      let byte = Int(bytes[offset])
      offset += 1
      value |= (byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  private mutating func stamp() -> Stamp? {
    guard let time = take(8), let place = number(), place < clients.count else { return nil }
    return Stamp(
      time: HybridTime(rawValue: time.reduce(0) { $0 << 8 | UInt64($1) }), client: clients[place])
  }
}

import RoostCore
import SyncProtocol

/// Who changed a value last and when; the client is zero for writes that the server stamped.
typealias FieldClock = Stamp

/// The clocks of one row: a base clock, and exceptions by field for what changed since.
///
/// Below a field there are parts: the paths of a MERGE_DEEP document and the elements of a
/// SET_UNION, where a removed one is remembered so that an older add cannot bring it back.
struct RowClocks: Sendable, Equatable {
  struct Part: Sendable, Equatable {
    let field: UInt32
    /// The JSON text of the element, or the path's keys as a JSON array.
    let key: String
    let clock: FieldClock
    let isRemoved: Bool
  }

  private(set) var base: FieldClock
  private(set) var exceptions: [(field: UInt32, clock: FieldClock)] = []
  private var parts: [PartKey: Part] = [:]

  private struct PartKey: Hashable {
    let field: UInt32
    let key: String
  }

  init(base: FieldClock) { self.base = base }

  /// The clocks of a row that comes back with its times, last changed at `base`.
  ///
  /// What devices bring again may be older than its values, which a creation's never are; so its base
  /// is when they were written, and is told apart by an exception of a field that there is not.
  init(restored base: FieldClock) {
    self.base = base
    exceptions = [(RowClocks.restored, base)]
  }

  private static let restored = UInt32.max

  static func == (left: RowClocks, right: RowClocks) -> Bool { left.encoded == right.encoded }

  /// The clock of a field: its exception, else the base.
  func clock(_ field: UInt32) -> FieldClock {
    for exception in exceptions where exception.field == field { return exception.clock }
    return base
  }

  /// The latest clock of a field and of its parts; not before the base, which an edit may be.
  func latest(_ field: UInt32) -> FieldClock {
    parts.values.reduce(max(base, clock(field))) { $1.field == field ? max($0, $1.clock) : $0 }
  }

  mutating func set(_ field: UInt32, _ clock: FieldClock) {
    exceptions.removeAll { $0.field == field }
    exceptions.append((field, clock))
  }

  /// The clocks of a field as merges see them; those of its parts where the merge looks at them.
  func clocks(of field: UInt32, withParts: Bool) -> FieldClocks {
    let isRestored = exceptions.contains { $0.field == RowClocks.restored }
    var clocks = FieldClocks(
      origin: base, floor: isRestored ? base : .zero, stamp: clock(field))
    if withParts {
      for part in parts.values where part.field == field {
        clocks.parts[part.key] = FieldClocks.Part(stamp: part.clock, isRemoved: part.isRemoved)
      }
    }
    return clocks
  }

  /// Takes over what a merge made of them.
  mutating func set(_ field: UInt32, _ clocks: FieldClocks, withParts: Bool) {
    if clocks.stamp != clock(field) { set(field, clocks.stamp) }
    guard withParts else { return }
    removeParts(of: field)
    for (key, part) in clocks.parts {
      setPart(field, key, part.stamp, isRemoved: part.isRemoved)
    }
  }

  /// The clock of a part, or nil where only the field's applies.
  func part(_ field: UInt32, _ key: String) -> Part? { parts[PartKey(field: field, key: key)] }

  mutating func setPart(_ field: UInt32, _ key: String, _ clock: FieldClock, isRemoved: Bool) {
    parts[PartKey(field: field, key: key)] = Part(
      field: field, key: key, clock: clock, isRemoved: isRemoved)
  }

  mutating func removePart(_ field: UInt32, _ key: String) {
    parts[PartKey(field: field, key: key)] = nil
  }

  /// Forgets all parts of a field, whose keys may be values that it held.
  mutating func removeParts(of field: UInt32) {
    if parts.isEmpty { return }
    parts = parts.filter { $0.key.field != field }
  }

  /// Forgets the parts that are so old that no device brings an older change any more.
  mutating func prune(before time: HybridTime) {
    if parts.isEmpty { return }
    parts = parts.filter { $0.value.clock.time >= time }
  }
}

extension RowClocks {
  /// The bytes of the `_clocks` column: format 1, the clients other than zero, the base, the
  /// exceptions, the parts.
  ///
  /// Counts, fields and client indexes are LEB128; times are eight bytes, big-endian. A row that
  /// was never changed by a device takes 13 bytes.
  var encoded: [UInt8] {
    // What most rows have: a base clock of the server.
    if exceptions.isEmpty, parts.isEmpty, base.client == .zero {
      var bytes: [UInt8] = []
      bytes.reserveCapacity(13)
      bytes.append(1)
      bytes.append(0)
      withUnsafeBytes(of: base.time.rawValue.bigEndian) { bytes.append(contentsOf: $0) }
      for _ in 0..<3 { bytes.append(0) }
      return bytes
    }
    var clients: [UUID] = []
    func index(_ client: UUID) -> Int {
      if client == .zero { return 0 }
      if let known = clients.firstIndex(of: client) { return known + 1 }
      clients.append(client)
      return clients.count
    }
    var tail: [UInt8] = []
    func write(_ clock: FieldClock) {
      withUnsafeBytes(of: clock.time.rawValue.bigEndian) { tail.append(contentsOf: $0) }
      RowClocks.write(index(clock.client), to: &tail)
    }
    write(base)
    RowClocks.write(exceptions.count, to: &tail)
    for exception in exceptions {
      RowClocks.write(Int(exception.field), to: &tail)
      write(exception.clock)
    }
    RowClocks.write(parts.count, to: &tail)
    let ordered = parts.values.sorted { ($0.field, $0.key) < ($1.field, $1.key) }
    for part in ordered {
      RowClocks.write(Int(part.field) << 1 | (part.isRemoved ? 1 : 0), to: &tail)
      write(part.clock)
      let key = Array(part.key.utf8)
      RowClocks.write(key.count, to: &tail)
      tail += key
    }
    var bytes: [UInt8] = [1]
    RowClocks.write(clients.count, to: &bytes)
    for client in clients { bytes += client.bytes }
    return bytes + tail
  }

  /// Reads `encoded`; bytes that are not a whole encoding read as a base clock of zero, over which
  /// every write wins.
  init(encoded bytes: [UInt8]) {
    self.init(base: FieldClock(time: HybridTime(rawValue: 0), client: .zero))
    var reader = ClockReader(bytes)
    guard reader.byte() == 1, let clientCount = reader.number(), clientCount <= bytes.count else {
      return
    }
    for _ in 0..<clientCount {
      guard reader.client() else { return }
    }
    guard let base = reader.clock(), let exceptionCount = reader.number() else { return }
    var result = RowClocks(base: base)
    for _ in 0..<exceptionCount {
      guard let field = reader.number(), let clock = reader.clock() else { return }
      result.exceptions.append((UInt32(truncatingIfNeeded: field), clock))
    }
    guard let partCount = reader.number() else { return }
    for _ in 0..<partCount {
      guard let head = reader.number(), let clock = reader.clock(), let key = reader.text() else {
        return
      }
      result.setPart(
        UInt32(truncatingIfNeeded: head >> 1), key, clock, isRemoved: head & 1 == 1)
    }
    self = result
  }

  private static func write(_ value: Int, to bytes: inout [UInt8]) {
    var rest = UInt64(value)
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Reads the parts of an encoded `RowClocks`; each answers nil at a premature end.
private struct ClockReader {
  private let bytes: [UInt8]
  private var position = 0
  private var clients: [UUID] = [.zero]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func byte() -> UInt8? {
    guard position < bytes.count else { return nil }
    position += 1
    return bytes[position - 1]
  }

  mutating func number() -> Int? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let next = byte() {
      value |= UInt64(next & 0x7F) << shift
      if next < 0x80 { return Int(exactly: value) }
      shift += 7
      if shift > 56 { return nil }
    }
    return nil
  }

  mutating func client() -> Bool {
    guard position + 16 <= bytes.count else { return false }
    let id = bytes[position..<position + 16].withUnsafeBytes { UUID(bytes: $0) }
    position += 16
    clients.append(id ?? .zero)
    return true
  }

  mutating func clock() -> FieldClock? {
    guard position + 8 <= bytes.count else { return nil }
    var time: UInt64 = 0
    for offset in 0..<8 { time = time << 8 | UInt64(bytes[position + offset]) }
    position += 8
    guard let index = number(), index < clients.count else { return nil }
    return FieldClock(time: HybridTime(rawValue: time), client: clients[index])
  }

  mutating func text() -> String? {
    guard let count = number(), count <= bytes.count - position else { return nil }
    let text = String(decoding: bytes[position..<position + count], as: UTF8.self)
    position += count
    return text
  }
}

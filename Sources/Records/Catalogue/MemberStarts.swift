import RoostCore
import Rules

/// What stands before the value of each member of a record, in one run of bytes: `"id":` and then
/// `,"name":` for each further one, copied from here without a look at the names.
struct MemberStarts: Sendable {
  /// The members that every record begins with.
  private static let system = ["id", "version", "createdAt", "updatedAt"]

  private let bytes: [UInt8]
  /// Where the start of each member begins; one more than there are members.
  private let offsets: [Int]

  init(names: [String]) {
    var bytes: [UInt8] = []
    var offsets = [0]
    for name in MemberStarts.system + names {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
      bytes += JSONWriter.encodedKey(name)
      offsets.append(bytes.count)
    }
    bytes += [UInt8](repeating: 0, count: JSONWriter.memberStartPadding)
    self.bytes = bytes
    self.offsets = offsets
  }

  /// Writes what every record begins with.
  func writeSystem(
    _ id: UUID, _ version: Int64, _ createdAt: Timestamp, _ updatedAt: Timestamp,
    to json: inout JSONWriter
  ) {
    writeStart(0, to: &json)
    json.uuid(id)
    writeStart(1, to: &json)
    json.int(version)
    writeStart(2, to: &json)
    json.timestamp(createdAt)
    writeStart(3, to: &json)
    json.timestamp(updatedAt)
  }

  /// Writes the id, and of the other members that every record begins with those that are asked for.
  func writeSystem(
    _ id: UUID, _ version: Int64, _ createdAt: Timestamp, _ updatedAt: Timestamp,
    _ selection: FieldSelection?, to json: inout JSONWriter
  ) {
    guard let selection else { return writeSystem(id, version, createdAt, updatedAt, to: &json) }
    writeStart(0, to: &json)
    json.uuid(id)
    if selection.system.contains(.version) {
      writeStart(1, to: &json)
      json.int(version)
    }
    if selection.system.contains(.createdAt) {
      writeStart(2, to: &json)
      json.timestamp(createdAt)
    }
    if selection.system.contains(.updatedAt) {
      writeStart(3, to: &json)
      json.timestamp(updatedAt)
    }
  }

  /// Writes the start of field `index`, behind what `writeSystem` wrote.
  @inline(__always) func write(_ index: Int, to json: inout JSONWriter) {
    writeStart(index + MemberStarts.system.count, to: &json)
  }

  /// Writes the key of field `index` wherever it stands in an object.
  func writeKey(_ index: Int, to json: inout JSONWriter) {
    let member = index + MemberStarts.system.count
    json.key(encoded: Array(bytes[(offsets[member] + 1)..<offsets[member + 1]]))
  }

  @inline(__always) private func writeStart(_ member: Int, to json: inout JSONWriter) {
    let start = offsets[member]
    let count = offsets[member + 1] - start
    bytes.withUnsafeBytes { all in
      // The padding stands behind every member's start.
      if let base = all.baseAddress { json.memberStart(padded: base + start, count: count) }
    }
  }
}

import RoostCore

/// `,"name":` for each field of a collection, in one run of bytes: what stands before the values of
/// a record is copied from here without a look at the names.
struct MemberStarts: Sendable {
  private let bytes: [UInt8]
  /// Where the start of field n begins; one more than there are fields.
  private let offsets: [Int]

  init(names: [String]) {
    var bytes: [UInt8] = []
    var offsets = [0]
    for name in names {
      bytes.append(UInt8(ascii: ","))
      bytes += JSONWriter.encodedKey(name)
      offsets.append(bytes.count)
    }
    self.bytes = bytes
    self.offsets = offsets
  }

  /// Writes the start of member `index`, which must not be the first of its object.
  @inline(__always) func write(_ index: Int, to json: inout JSONWriter) {
    bytes.withUnsafeBytes { all in
      json.memberStart(UnsafeRawBufferPointer(rebasing: all[offsets[index]..<offsets[index + 1]]))
    }
  }

  /// Writes the key of field `index` wherever it stands in an object.
  func writeKey(_ index: Int, to json: inout JSONWriter) {
    json.key(encoded: Array(bytes[(offsets[index] + 1)..<offsets[index + 1]]))
  }
}

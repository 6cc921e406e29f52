import Queries
import RoostCore

/// Memory of a connection for the values of the statement that is sent.
///
/// Each value is written in the binary form of the type that PostgreSQL inferred for its
/// placeholder, or as text where that type takes no such form; libpq copies it all at once, so the
/// memory serves the next statement.
struct ParameterArena {
  private var written = ValueBytes()
  /// Where each value begins; -1 for NULL.
  private var offsets: [Int] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []
  private var addresses: [UnsafePointer<CChar>?] = []

  /// Takes `values` for placeholders of `types`; throws `RoostError` when one does not fit.
  mutating func set(_ values: [Value], types: [UInt32]) throws(RoostError) {
    written.bytes.removeAll(keepingCapacity: true)
    offsets.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    formats.removeAll(keepingCapacity: true)
    for (value, type) in zip(values, types) {
      let start = written.bytes.count
      if case .null = value {
        offsets.append(-1)
        lengths.append(0)
        formats.append(1)
        continue
      }
      let isBinary = try written.append(value, type)
      offsets.append(start)
      lengths.append(Int32(clamping: written.bytes.count - start))
      formats.append(isBinary ? 1 : 0)
      // The text form ends with a zero byte, which its length does not count.
      if !isBinary { written.bytes.append(0) }
    }
    // A value of no bytes needs an address too.
    if written.bytes.isEmpty { written.bytes.append(0) }
    guard written.bytes.count < Int(Int32.max) else {
      throw RoostError(
        .payloadTooLarge, "The values are larger than the database can take at once.")
    }
  }

  /// Calls `body` with the number of values, their addresses, lengths and formats.
  mutating func withPointers<Result>(
    _ body: (
      Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
    ) -> Result
  ) -> Result {
    addresses.removeAll(keepingCapacity: true)
    return written.bytes.withUnsafeBytes { buffer in
      let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      for offset in offsets { addresses.append(offset < 0 ? nil : base.map { $0 + offset }) }
      return addresses.withUnsafeBufferPointer { addresses in
        lengths.withUnsafeBufferPointer { lengths in
          formats.withUnsafeBufferPointer { formats in
            body(
              Int32(clamping: offsets.count), addresses.baseAddress, lengths.baseAddress,
              formats.baseAddress)
          }
        }
      }
    }
  }

  /// What was set, for tests: each value's bytes and whether they are binary; nil for NULL.
  var contents: [(bytes: [UInt8], isBinary: Bool)?] {
    offsets.indices.map { index in
      guard offsets[index] >= 0 else { return nil }
      let range = offsets[index]..<offsets[index] + Int(lengths[index])
      return (Array(written.bytes[range]), formats[index] == 1)
    }
  }
}

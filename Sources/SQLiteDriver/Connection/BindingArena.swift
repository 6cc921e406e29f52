import CSQLite
import Queries
import RoostCore

/// Memory of a connection for the values of the statement that runs.
///
/// Texts and blobs are copied here once and bound in place (SQLITE_STATIC), so that binding allocates
/// nothing; the bindings are cleared before the next statement reuses the memory. Large values, and
/// those of a statement inside another one, are copied by SQLite instead.
final class BindingArena {
  private static let largest = 65_536
  @exclusivity(unchecked) private var memory =
    UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
  @exclusivity(unchecked) private var isTaken = false

  deinit { memory.deallocate() }

  /// Binds `values` to the placeholders of `handle`, from the first; gives the result code.
  ///
  /// The caller resets the statement, clears its bindings and calls `release` with the second part
  /// of the answer.
  func bind(_ values: [Value], to handle: OpaquePointer) -> (code: Int32, holdsMemory: Bool) {
    let needed = BindingArena.size(values)
    let takes = needed > 0 && needed <= BindingArena.largest && !isTaken
    if takes {
      isTaken = true
      if memory.count < needed {
        memory.deallocate()
        memory = .allocate(byteCount: max(needed, 4096) * 2, alignment: 16)
      }
    }
    var offset = 0
    for index in values.indices {
      let code = bind(values[index], Int32(index + 1), handle, takes, &offset)
      if code != SQLITE_OK { return (code, takes) }
    }
    return (SQLITE_OK, takes)
  }

  func release(_ holdsMemory: Bool) {
    if holdsMemory { isTaken = false }
  }

  private static func size(_ values: [Value]) -> Int {
    var size = 0
    for value in values {
      switch value {
      case .null, .int, .double: break
      case .text(let text): size += text.utf8.count
      case .blob(let bytes): size += bytes.count
      case .uuid: size += 16
      }
    }
    return size
  }

  private func bind(
    _ value: Value, _ index: Int32, _ handle: OpaquePointer, _ takes: Bool, _ offset: inout Int
  ) -> Int32 {
    switch value {
    case .null: return sqlite3_bind_null(handle, index)
    case .int(let value): return sqlite3_bind_int64(handle, index, value)
    case .double(let value): return sqlite3_bind_double(handle, index, value)
    case .text(var text):
      return text.withUTF8 { utf8 in
        bind(UnsafeRawBufferPointer(utf8), isText: true, index, handle, takes, &offset)
      }
    case .blob(let bytes):
      return bytes.withUnsafeBytes { bind($0, isText: false, index, handle, takes, &offset) }
    case .uuid(let id):
      return withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) {
        bind($0, isText: false, index, handle, takes, &offset)
      }
    }
  }

  private func bind(
    _ bytes: UnsafeRawBufferPointer, isText: Bool, _ index: Int32, _ handle: OpaquePointer,
    _ takes: Bool, _ offset: inout Int
  ) -> Int32 {
    // A missing address would bind NULL; any address does for no bytes.
    guard let source = bytes.baseAddress, !bytes.isEmpty else {
      return isText
        ? sqlite3_bind_text64(
          handle, index, memory.baseAddress?.assumingMemoryBound(to: CChar.self), 0,
          roost_sqlite_static(), UInt8(SQLITE_UTF8))
        : sqlite3_bind_zeroblob(handle, index, 0)
    }
    var address = source
    var destructor = roost_sqlite_transient()
    if takes, let base = memory.baseAddress {
      let place = base + offset
      place.copyMemory(from: source, byteCount: bytes.count)
      offset += bytes.count
      address = UnsafeRawPointer(place)
      destructor = roost_sqlite_static()
    }
    return isText
      ? sqlite3_bind_text64(
        handle, index, address.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), destructor,
        UInt8(SQLITE_UTF8))
      : sqlite3_bind_blob64(handle, index, address, UInt64(bytes.count), destructor)
  }
}

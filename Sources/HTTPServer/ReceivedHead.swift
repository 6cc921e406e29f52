import Glibc
import Transport
import Wire

/// The head of a request as it came: its fields' places and its bytes, in one allocation.
///
/// Unchecked, because `ManagedBuffer` is not `Sendable`: the buffer is written by `init` alone.
struct ReceivedHead: RequestHead, @unchecked Sendable {
  private struct Counts: BitwiseCopyable {
    var fields: Int
    var bytes: Int
  }

  private let buffer: ManagedBuffer<Counts, FieldReference>

  init(
    _ bytes: UnsafeRawBufferPointer, _ fields: UnsafePointer<FieldReference>, fieldCount: Int
  ) {
    let size = MemoryLayout<FieldReference>.stride
    let capacity = fieldCount + (bytes.count + size - 1) / size
    let counts = Counts(fields: fieldCount, bytes: bytes.count)
    buffer = .create(minimumCapacity: capacity) { _ in counts }
    buffer.withUnsafeMutablePointerToElements { elements in
      elements.update(from: fields, count: fieldCount)
      if let base = bytes.baseAddress { memcpy(elements + fieldCount, base, bytes.count) }
    }
  }

  func field(_ name: StaticString) -> String? {
    buffer.withUnsafeMutablePointers { counts, elements in
      let bytes = UnsafeRawPointer(elements + counts.pointee.fields)
      for index in 0..<counts.pointee.fields {
        let field = elements[index]
        guard Int(field.nameLength) == name.utf8CodeUnitCount,
          strncasecmp(
            (bytes + Int(field.nameStart)).assumingMemoryBound(to: CChar.self),
            UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
            name.utf8CodeUnitCount) == 0
        else { continue }
        let value = UnsafeRawBufferPointer(
          start: bytes + Int(field.valueStart), count: Int(field.valueLength))
        // Decoding repairs what is no UTF-8, but costs a fraction of the generic validation.
        return ReceivedHead.isASCII(value)
          ? String(decoding: value, as: UTF8.self) : String(validating: value, as: UTF8.self)
      }
      return nil
    }
  }

  private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    var bits: UInt64 = 0
    var index = 0
    while index + 8 <= text.count {
      bits |= text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < text.count {
      bits |= UInt64(text[index])
      index += 1
    }
    return bits & 0x8080_8080_8080_8080 == 0
  }
}

import RoostCore
import SyncProtocol

/// What a mutation may be, so that no door refuses the request that brings it.
///
/// A request that is refused as a whole comes again unchanged, so a mutation that causes that would
/// hold up its queue for ever. Everything else about a mutation is the server's to judge, by a
/// result.
enum OperationBounds {
  /// Bytes of a mutation, which leave room in a request for a hello of many streams.
  static let bytes = 3_000_000
  /// Nested arrays and objects of a value, which leave room for the frame around it.
  static let depth = 36
  /// Bytes of a mutation beside its operations.
  private static let envelope = 400

  /// Bytes that the mutation takes in a frame, at most.
  ///
  /// Throws `.invalid` for what no frame may hold.
  static func measure(_ operations: [ClientOperation]) throws(RoostError) -> Int {
    let most = FrameLimits().operations
    guard operations.count <= most else {
      throw fault("", "A change has at most \(most) operations: make several of it.")
    }
    var bytes = envelope
    for (index, operation) in operations.enumerated() {
      let place = "/ops/\(index)"
      bytes += try measure(operation, place)
    }
    guard bytes <= OperationBounds.bytes else {
      throw fault(
        "",
        "A change takes at most \(OperationBounds.bytes) bytes, and this takes \(bytes): make "
          + "several of it.")
    }
    return bytes
  }

  private static func measure(
    _ operation: ClientOperation, _ place: String
  ) throws(RoostError) -> Int {
    var bytes = 160
    switch operation {
    case .create(let collection, let id, let fields):
      bytes += try name(collection, place + "/coll") + row(id, place)
      bytes += try size(.object(fields), depth: 0, place + "/args")
    case .update(let collection, let id, let fields, let base):
      bytes += try name(collection, place + "/coll") + row(id, place)
      bytes += try size(.object(fields), depth: 0, place + "/args")
      for (field, _) in base { bytes += try name(field, place + "/base") + Stamp.byteCount * 3 }
    case .delete(let collection, let id):
      bytes += try name(collection, place + "/coll") + row(id, place)
    case .action(let action, let arguments):
      bytes += try name(action, place + "/name")
      bytes += try size(.object(arguments), depth: 0, place + "/args")
    case .resolve(let conflict, let choice):
      bytes += try row(conflict, place)
      if case .value(let value) = choice { bytes += try size(value, depth: 1, place + "/args") }
    }
    return bytes
  }

  private static func name(_ name: String, _ place: String) throws(RoostError) -> Int {
    let count = name.utf8.count
    guard (1...128).contains(count) else { throw fault(place, "A name has 1 to 128 bytes.") }
    return 6 * count
  }

  private static func row(_ id: UUID, _ place: String) throws(RoostError) -> Int {
    guard id != .zero else { throw fault(place + "/id", "The UUID of zeros names nothing.") }
    return 40
  }

  private static func size(
    _ value: JSON, depth: Int, _ place: String
  ) throws(RoostError) -> Int {
    guard depth < OperationBounds.depth else {
      throw fault(place, "Values nest at most \(OperationBounds.depth) arrays and objects.")
    }
    switch value {
    case .null, .bool: return 6
    case .int: return 21
    case .double(let number):
      guard number.isFinite else { throw fault(place, "A number is finite.") }
      return 26
    case .string(let text): return text.utf8.reduce(3) { $0 + width($1) }
    case .array(let elements):
      var bytes = 3
      for element in elements { bytes += try size(element, depth: depth + 1, place) + 1 }
      return bytes
    case .object(let object):
      var bytes = 3
      for (key, value) in object {
        bytes += key.utf8.reduce(4) { $0 + width($1) }
        bytes += try size(value, depth: depth + 1, place) + 1
      }
      return bytes
    }
  }

  /// Bytes that a byte of a text takes in JSON, at most.
  private static func width(_ byte: UInt8) -> Int {
    switch byte {
    case 0..<0x20, 0x7F: 6
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): 2
    default: 1
    }
  }

  private static func fault(_ pointer: String, _ message: String) -> RoostError {
    RoostError.invalid(pointer, "range", message)
  }
}

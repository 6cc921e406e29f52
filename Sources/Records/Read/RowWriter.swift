import Queries
import RoostCore

/// Writes whole rows of a collection as JSON objects straight from their columns.
///
/// What stands before each value and the most that a value takes are known beforehand, so a row asks
/// for room once, and once more behind each text.
struct RowWriter: Sendable {
  private struct Member {
    let column: Int
    let kind: StoredKind
    /// Where its start lies in `starts`, and how long it is.
    let start: Int
    let count: Int
    /// The most bytes of what follows the value, if no text is among it.
    let rest: Int
  }

  /// `{"id":`, `,"version":` and so on, readable in steps of sixteen bytes.
  private let starts: [UInt8]
  private let members: [Member]
  /// The columns of the members, in their order: not that of the time of deletion.
  private let columns: [Int]
  /// The most bytes of a row without its texts.
  private let most: Int

  /// For a select list of the system's columns and then `storage`.
  ///
  /// Without `isNamed` the id and the version are left out, for rows that stand under them.
  init(names: [String], storage: [StoredKind], isNamed: Bool = true) {
    var columns: [(String, StoredKind, Int)] = [
      ("createdAt", .timestamp, 2), ("updatedAt", .timestamp, 3),
    ]
    if isNamed { columns = [("id", .uuid, 0), ("version", .int, 1)] + columns }
    for (index, name) in names.enumerated() {
      columns.append((name, storage[index], RecordColumns.firstField + index))
    }
    self.columns = columns.map(\.2)
    var starts: [UInt8] = []
    var members: [Member] = []
    var rest = columns.reduce(1 + JSONWriter.memberStartPadding) {
      $0 + JSONWriter.encodedKey($1.0).count + 1 + RowWriter.longest($1.1)
    }
    most = rest
    for (name, kind, column) in columns {
      let start = starts.count
      starts.append(UInt8(ascii: members.isEmpty ? "{" : ","))
      starts += JSONWriter.encodedKey(name)
      rest -= starts.count - start + RowWriter.longest(kind)
      members.append(
        Member(
          column: column, kind: kind, start: start, count: starts.count - start, rest: rest))
    }
    self.starts = starts + [UInt8](repeating: 0, count: JSONWriter.memberStartPadding)
    self.members = members
  }

  /// The most bytes of a value that is written in place.
  private static func longest(_ kind: StoredKind) -> Int {
    switch kind {
    case .uuid: 38
    case .timestamp: 26
    case .duration: 2 + CalendarDuration.longestText
    case .bool, .int, .int64, .double, .text, .json, .formattedList, .sealed: DecimalText.longest
    }
  }

  /// Writes the row of `selectList`; `encode` writes the value of a field that has a form of its own.
  func write(
    _ row: any Row, to json: inout JSONWriter, encode: (_ field: Int, inout JSONWriter) -> Void
  ) {
    json.beginValue()
    row.withCells(columns) { cells in
      starts.withUnsafeBytes { starts in
        members.withUnsafeBufferPointer { members in
          guard let starts = starts.baseAddress else { return }
          var place = json.reserve(most)
          for index in members.indices {
            let member = members[index]
            RowWriter.copy(starts + member.start, member.count, to: &place)
            write(cells[index], member, to: &place, of: &json, encode: encode)
          }
          place.pointee = UInt8(ascii: "}")
          json.end(at: place + 1, isOpen: false)
        }
      }
    }
  }

  /// Copies in steps of sixteen bytes, past the end; there is room, and there are bytes to read.
  @inline(__always) private static func copy(
    _ start: UnsafeRawPointer, _ count: Int, to place: inout UnsafeMutablePointer<UInt8>
  ) {
    let target = UnsafeMutableRawPointer(place)
    var copied = 0
    repeat {
      let part = start.loadUnaligned(fromByteOffset: copied, as: SIMD16<UInt8>.self)
      target.storeBytes(of: part, toByteOffset: copied, as: SIMD16<UInt8>.self)
      copied += 16
    } while copied < count
    place += count
  }

  @inline(__always) private func write(
    _ cell: Cell, _ member: Member, to place: inout UnsafeMutablePointer<UInt8>,
    of json: inout JSONWriter, encode: (_ field: Int, inout JSONWriter) -> Void
  ) {
    switch cell {
    case .int(let value):
      switch member.kind {
      case .bool: RowWriter.write(value != 0 ? "true" : "false", to: &place)
      case .timestamp:
        place[0] = UInt8(ascii: "\"")
        json.format(Timestamp(milliseconds: value), at: place + 1)
        place[25] = UInt8(ascii: "\"")
        place += 26
      case .duration:
        place[0] = UInt8(ascii: "\"")
        let count = CalendarDuration(milliseconds: value).format(into: place + 1)
        place[count + 1] = UInt8(ascii: "\"")
        place += count + 2
      case .int64: detour(member, &place, &json) { encode(member.column, &$0) }
      default: place += DecimalText.write(value, to: place)
      }
    case .null: RowWriter.write("null", to: &place)
    case .double(let value): detour(member, &place, &json) { $0.double(value) }
    case .bytes(let bytes):
      switch member.kind {
      case .uuid:
        place[0] = UInt8(ascii: "\"")
        (UUID(bytes: bytes) ?? .zero).format(into: place + 1)
        place[37] = UInt8(ascii: "\"")
        place += 38
      case .text: detour(member, &place, &json) { $0.string(utf8: bytes) }
      case .formattedList, .sealed: detour(member, &place, &json) { encode(member.column, &$0) }
      default: detour(member, &place, &json) { $0.raw(bytes) }
      }
    }
  }

  @inline(__always) private static func write(
    _ text: StaticString, to place: inout UnsafeMutablePointer<UInt8>
  ) {
    place.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    place += text.utf8CodeUnitCount
  }

  /// Has the writer itself write a value, whose length is not bounded, and asks it for room for the
  /// rest of the row.
  @inline(__always) private func detour(
    _ member: Member, _ place: inout UnsafeMutablePointer<UInt8>, _ json: inout JSONWriter,
    _ write: (inout JSONWriter) -> Void
  ) {
    json.end(at: place, isOpen: true)
    write(&json)
    place = json.reserve(member.rest)
  }
}

import Queries
import RoostCore
import Rules

/// Writes rows as lines of CSV or TSV.
struct DelimitedWriter {
  private let form: ExportForm
  private let isCSV: Bool
  private(set) var bytes: [UInt8] = []

  init(_ form: ExportForm) {
    self.form = form
    if case .csv = form.syntax { isCSV = true } else { isCSV = false }
  }

  mutating func add(_ row: any Row) {
    let id = row.uuid(0) ?? .zero
    id.write(to: &bytes)
    separate()
    bytes.append(contentsOf: String(row.int64(1)).utf8)
    separate()
    row.timestamp(2).write(to: &bytes)
    separate()
    row.timestamp(3).write(to: &bytes)
    for index in form.shown {
      separate()
      guard !row.isNull(RecordColumns.firstField + index) else { continue }
      if form.masked.contains(index) {
        cell(Mask.value(of: form.collection.fields[index], id: id))
      } else {
        cell(index, row)
      }
    }
    if isCSV { bytes.append(13) }
    bytes.append(10)
  }

  private mutating func separate() { bytes.append(isCSV ? UInt8(ascii: ",") : 9) }

  private mutating func cell(_ value: JSON) {
    switch value {
    case .null: return
    case .string(let text): self.text(Array(text.utf8))
    default: text(value.encoded)
    }
  }

  private mutating func cell(_ index: Int, _ row: any Row) {
    let column = RecordColumns.firstField + index
    switch form.collection.storage[index] {
    case .text, .json:
      var value: [UInt8] = []
      row.withBytes(column) { value = Array($0) }
      text(value)
    case .uuid: (row.uuid(column) ?? .zero).write(to: &bytes)
    case .bool: bytes.append(contentsOf: (row.bool(column) ? "true" : "false").utf8)
    case .int, .int64: bytes.append(contentsOf: String(row.int64(column)).utf8)
    case .timestamp: row.timestamp(column).write(to: &bytes)
    case .sealed:
      var json = JSONWriter(capacity: 64)
      form.collection.writeValue(index, row, to: &json)
      switch try? JSON.parse(json.bytes, maxDepth: 64) {
      case .string(let plain): text(Array(plain.utf8))
      case .null, nil: break
      default: text(json.bytes)
      }
    case .duration, .double, .formattedList:
      var json = JSONWriter(capacity: 64)
      form.collection.writeValue(index, row, to: &json)
      var rendered = json.bytes
      if rendered.first == UInt8(ascii: "\""), rendered.count > 1 {
        rendered.removeFirst()
        rendered.removeLast()
      }
      text(rendered)
    }
  }

  /// Writes a text in the way of the format.
  private mutating func text(_ text: [UInt8]) {
    if isCSV {
      let needsQuotes =
        text.isEmpty || text.contains { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }
        || text.first == 32 || text.last == 32
      guard needsQuotes else { return bytes.append(contentsOf: text) }
      bytes.append(34)
      for byte in text {
        if byte == 34 { bytes.append(34) }
        bytes.append(byte)
      }
      bytes.append(34)
      return
    }
    if text.isEmpty { return bytes.append(contentsOf: "\\e".utf8) }
    for byte in text {
      switch byte {
      case 9: bytes.append(contentsOf: "\\t".utf8)
      case 10: bytes.append(contentsOf: "\\n".utf8)
      case 13: bytes.append(contentsOf: "\\r".utf8)
      case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
      default: bytes.append(byte)
      }
    }
  }
}

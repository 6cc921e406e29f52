import Glibc

/// Splits the lines of one CSV (RFC 4180) or TSV record into fields.
///
/// A quoted field may span lines, so lines are fed one after another until the record is complete.
/// Strict: a quote inside an unquoted field, or text after a closing quote, is a fault.
struct DelimitedFields {
  enum Progress: Equatable {
    case complete
    /// Inside quotes: the record goes on in the next line.
    case open
    case fault(String)
  }

  private let separator: UInt8
  private let hasQuotes: Bool
  private let maximumBytes: Int
  private var bytes: [UInt8] = []
  /// Where each field ends in `bytes`.
  private var ends: [Int] = []
  /// Whether each field of `ends` was written in quotes; empty where none was.
  private var quoted: [Bool] = []
  /// The record has more bytes than may be kept; the rest is only looked through for its end.
  private(set) var isTooLong = false

  init(_ format: FileFormat, maximumBytes: Int = LineScanner.maximumLineBytes) {
    separator = format == .csv ? UInt8(ascii: ",") : UInt8(ascii: "\t")
    hasQuotes = format == .csv
    self.maximumBytes = maximumBytes
  }

  var count: Int { ends.count }

  /// Forgets the last record, keeping its memory for the next.
  mutating func reset() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    quoted.removeAll(keepingCapacity: true)
    isTooLong = false
  }

  /// Whether field `index` was written in quotes.
  func isQuoted(_ index: Int) -> Bool { index < quoted.count && quoted[index] }

  /// The bytes of field `index`.
  func withField<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let start = index == 0 ? 0 : ends[index - 1]
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[index]])) }
  }

  /// Takes one line without its end; `isOpen` when the line before ended inside quotes, with
  /// `lastTerminator`.
  mutating func feed(
    _ line: UnsafeRawBufferPointer, isOpen: Bool, lastTerminator: [UInt8]
  ) -> Progress {
    if isOpen { append(UnsafeRawBufferPointer(rebasing: line[0..<0]), then: lastTerminator) }
    guard hasQuotes, isOpen || line.contains(UInt8(ascii: "\"")) else {
      split(line)
      return .complete
    }
    return unquote(line, isOpen: isOpen)
  }

  private mutating func append(_ run: UnsafeRawBufferPointer, then more: [UInt8] = []) {
    guard bytes.count + run.count + more.count <= maximumBytes else {
      isTooLong = true
      return
    }
    bytes.append(contentsOf: run)
    bytes.append(contentsOf: more)
  }

  private mutating func split(_ line: UnsafeRawBufferPointer) {
    append(line)
    guard !isTooLong else { return }
    // Separators are taken out again while the fields are moved together.
    var write = 0
    for index in 0..<bytes.count {
      if bytes[index] == separator {
        ends.append(write)
      } else {
        bytes[write] = bytes[index]
        write += 1
      }
    }
    ends.append(write)
    bytes.removeLast(bytes.count - write)
  }

  private mutating func unquote(_ line: UnsafeRawBufferPointer, isOpen: Bool) -> Progress {
    let quote = UInt8(ascii: "\"")
    var position = 0
    var isQuoted = isOpen
    var wasQuoted = isOpen
    while true {
      if !isQuoted, position < line.count, line[position] == quote {
        isQuoted = true
        wasQuoted = true
        position += 1
      }
      if isQuoted {
        let start = position
        while position < line.count, line[position] != quote { position += 1 }
        append(UnsafeRawBufferPointer(rebasing: line[start..<position]))
        if position == line.count { return .open }
        position += 1
        if position < line.count, line[position] == quote {
          append(UnsafeRawBufferPointer(rebasing: line[position..<(position + 1)]))
          position += 1
          continue
        }
        guard position == line.count || line[position] == separator else {
          return .fault("text after the closing quote of column \(ends.count + 1)")
        }
        isQuoted = false
      } else {
        let start = position
        while position < line.count, line[position] != separator {
          guard line[position] != quote else {
            return .fault(
              "a quote inside column \(ends.count + 1), which does not begin with one; "
                + "quote the whole column and double the quotes in it")
          }
          position += 1
        }
        append(UnsafeRawBufferPointer(rebasing: line[start..<position]))
      }
      if !isTooLong {
        ends.append(bytes.count)
        quoted.append(wasQuoted)
      }
      wasQuoted = false
      if position == line.count { return .complete }
      position += 1
    }
  }
}

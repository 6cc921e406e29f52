import RoostCore

/// Reads the records of a JSON Lines, CSV or TSV file one after another.
///
/// A broken record is delivered as `.broken` with its place, and reading goes on behind it. Memory
/// stays at a block and a record, whatever the size of the file.
package struct RecordReader {
  package let file: InputFile
  package let format: FileFormat
  package let encoding: TextEncoding
  /// The names of the columns; nil for JSON Lines.
  package private(set) var header: [String]?
  /// The bytes of the header line with its end, for a file of refused lines.
  package private(set) var headerSpan: SourceSpan?

  /// Whether it is a file of an export, known by its header where nobody says so: nulls are told
  /// from empty texts, TSV has escapes, and lines may be as long as records get.
  private var isExport: Bool
  private static let exportLineBytes = 64_000_000
  private var maximumBytes: Int
  /// How the header of an export begins, by which a file is known for one.
  private static let exportHeader = ["id", "version", "createdAt", "updatedAt"]

  private var scanner: LineScanner
  private var fields: DelimitedFields

  /// Bytes of the file that are read.
  package var position: Int64 { scanner.offset }

  /// Reads the header, if the format has one; throws `ImportFault`.
  package init(
    _ file: InputFile, format: FileFormat, encoding: TextEncoding, isExport: Bool = false
  ) throws {
    self.file = file
    self.isExport = isExport
    maximumBytes = isExport ? RecordReader.exportLineBytes : LineScanner.maximumLineBytes
    self.format = format
    self.encoding = encoding
    var first = [UInt8](repeating: 0, count: 4)
    let count = try first.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
    first.removeLast(first.count - count)
    if let wide = WideEncoding(first) {
      throw ImportFault(
        exitStatus: 2, code: "encoding",
        "\(file.path): is \(wide.name); save it as UTF-8 (iconv -f \(wide.converter) -t UTF-8) and "
          + "import that")
    }
    let hasMark = encoding == .utf8 && first.starts(with: [0xEF, 0xBB, 0xBF])
    scanner = LineScanner(file, from: hasMark ? 3 : 0, maximumBytes: maximumBytes)
    fields = DelimitedFields(format, maximumBytes: maximumBytes)
    if format != .jsonLines { try readHeader() }
    if !isExport, header?.starts(with: RecordReader.exportHeader) == true { readAsExport() }
  }

  /// Reads what comes behind the header as an export.
  private mutating func readAsExport() {
    let (position, line) = (scanner.offset, scanner.number)
    isExport = true
    maximumBytes = RecordReader.exportLineBytes
    scanner = LineScanner(file, from: position, maximumBytes: maximumBytes)
    scanner.seek(to: position, line: line)
    fields = DelimitedFields(format, maximumBytes: maximumBytes)
  }

  /// Goes on at `position`, where line `line` starts.
  mutating func seek(to position: Int64, line: Int) { scanner.seek(to: position, line: line) }

  /// The number of the line that is read next.
  var line: Int { scanner.number }

  private func header(_ reason: String) -> ImportFault {
    ImportFault(code: "header", "\(file.path):1: \(reason)")
  }

  private mutating func readHeader() throws {
    guard let record = try delimited(columns: nil) else {
      throw header("the file is empty; its first line must name the columns")
    }
    switch record.content {
    case .columns(let names):
      var seen: Set<String> = []
      for name in names where !seen.insert(name).inserted {
        throw header("the header names the column \"\(name)\" twice")
      }
      header = names
      headerSpan = record.span
    case .broken(_, let message): throw header("the header: \(message)")
    case .members, .cells: return
    }
  }

  /// The next record, or nil at the end of the file.
  package mutating func next() throws -> SourceRecord? {
    if let header { return try delimited(columns: header.count) }
    while let line = try scanner.next() {
      let span = SourceSpan(
        line: line.number, offset: line.offset, byteCount: line.endOffset - line.offset)
      if line.isTooLong { return tooLong(span) }
      let encoding = encoding
      let content = scanner.withBytes(line) { RecordReader.object($0, encoding) }
      if let content { return SourceRecord(span: span, content: content) }
    }
    return nil
  }

  /// The object of a line; nil for a blank one.
  private static func object(
    _ bytes: UnsafeRawBufferPointer, _ encoding: TextEncoding
  ) -> SourceRecord.Content? {
    if bytes.allSatisfy({ $0 == 32 || $0 == 9 }) { return nil }
    let result: Result<JSON, JSONError>
    if encoding == .latin1, var text = encoding.text(bytes) {
      result = text.withUTF8 { JSON.parseResult(UnsafeRawBufferPointer($0)) }
    } else {
      result = JSON.parseResult(bytes)
    }
    switch result {
    case .success(.object(let members)): return .members(members)
    case .success(let other):
      return .broken(code: "json", message: "a JSON object is expected, not \(other.kind)")
    case .failure(let error):
      return .broken(code: "json", message: "column \(error.column): \(error.reason)")
    }
  }

  private func tooLong(_ span: SourceSpan) -> SourceRecord {
    SourceRecord(
      span: span,
      content: .broken(
        code: "too_long",
        message: "longer than \(maximumBytes) bytes"))
  }

  // MARK: CSV and TSV

  /// The next record of `columns` fields (any number for the header).
  private mutating func delimited(columns: Int?) throws -> SourceRecord? {
    guard var line = try scanner.next() else { return nil }
    // A blank line is no record, unless an only column may be empty.
    while !line.isTooLong, columns != 1, line.isBlank {
      guard let next = try scanner.next() else { return nil }
      line = next
    }
    let first = line
    fields.reset()
    var progress = DelimitedFields.Progress.complete
    var terminator: [UInt8] = []
    while true {
      if line.isTooLong { return tooLong(span(first, line)) }
      let isOpen = progress == .open
      var fed = fields
      // Moved out and in again, because the scanner's bytes are borrowed meanwhile.
      fields = DelimitedFields(format, maximumBytes: maximumBytes)
      progress = scanner.withBytes(line) {
        fed.feed($0, isOpen: isOpen, lastTerminator: terminator)
      }
      fields = fed
      if case .fault(let message) = progress {
        return SourceRecord(
          span: span(first, line), content: .broken(code: "quote", message: message))
      }
      if progress == .complete { break }
      terminator = line.terminator
      guard let next = try scanner.next() else { return unbalanced(first) }
      line = next
    }
    if fields.isTooLong { return tooLong(span(first, line)) }
    return SourceRecord(span: span(first, line), content: content(columns))
  }

  private func span(_ first: LineScanner.Line, _ last: LineScanner.Line) -> SourceSpan {
    SourceSpan(
      line: first.number, offset: first.offset, byteCount: last.endOffset - first.offset)
  }

  /// The file ended inside quotes: the line that opened them is refused, and reading goes on with
  /// the line behind it.
  ///
  /// This rereads at most once what lies behind: no line there holds an odd number of quotes, or
  /// it would have closed this one.
  private mutating func unbalanced(_ first: LineScanner.Line) -> SourceRecord {
    scanner.seek(to: first.endOffset, line: first.number + 1)
    return SourceRecord(
      span: span(first, first),
      content: .broken(code: "quote", message: "a quote is opened here and never closed"))
  }

  private func content(_ columns: Int?) -> SourceRecord.Content {
    if let columns, fields.count != columns {
      return .broken(
        code: "columns",
        message: "\(fields.count) columns, but the header names \(columns)")
    }
    if isExport, columns != nil { return exported() }
    var texts: [String] = []
    texts.reserveCapacity(fields.count)
    for index in 0..<fields.count {
      guard let text = fields.withField(index, { encoding.text($0) }) else {
        return .broken(
          code: "encoding",
          message: "column \(index + 1) is not UTF-8 (the mapping may say encoding: latin-1)")
      }
      texts.append(text)
    }
    return .columns(texts)
  }

  /// The cells of a line of an export.
  private func exported() -> SourceRecord.Content {
    var cells: [String?] = []
    cells.reserveCapacity(fields.count)
    for index in 0..<fields.count {
      let text = fields.withField(index) { bytes -> String? in
        format == .tsv && bytes.contains(UInt8(ascii: "\\"))
          ? RecordReader.unescaped(bytes) : encoding.text(bytes)
      }
      guard let text else {
        return .broken(
          code: "encoding", message: "column \(index + 1) is not UTF-8, or no escape of an export")
      }
      let isNull =
        text.isEmpty
        && (format == .csv ? !fields.isQuoted(index) : fields.withField(index) { $0.isEmpty })
      cells.append(isNull ? nil : text)
    }
    return .cells(cells)
  }

  /// A text with `\\t`, `\\n`, `\\r`, `\\\\` and, for nothing at all, `\\e`; nil for another escape.
  private static func unescaped(_ bytes: UnsafeRawBufferPointer) -> String? {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var isEscaped = false
    for byte in bytes {
      guard isEscaped else {
        if byte == UInt8(ascii: "\\") { isEscaped = true } else { output.append(byte) }
        continue
      }
      isEscaped = false
      switch byte {
      case UInt8(ascii: "t"): output.append(9)
      case UInt8(ascii: "n"): output.append(10)
      case UInt8(ascii: "r"): output.append(13)
      case UInt8(ascii: "\\"): output.append(byte)
      case UInt8(ascii: "e"): continue
      default: return nil
      }
    }
    return isEscaped ? nil : String(validating: output, as: UTF8.self)
  }
}

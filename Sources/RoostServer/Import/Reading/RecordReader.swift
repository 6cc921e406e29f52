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

  private var scanner: LineScanner
  private var fields: DelimitedFields

  /// Bytes of the file that are read.
  package var position: Int64 { scanner.offset }

  /// Reads the header, if the format has one; throws `ImportFault`.
  package init(_ file: InputFile, format: FileFormat, encoding: TextEncoding) throws {
    self.file = file
    self.format = format
    self.encoding = encoding
    var mark: (UInt8, UInt8, UInt8) = (0, 0, 0)
    let count = try withUnsafeMutableBytes(of: &mark) { try file.read(at: 0, into: $0) }
    let hasMark = encoding == .utf8 && count == 3 && mark == (0xEF, 0xBB, 0xBF)
    scanner = LineScanner(file, from: hasMark ? 3 : 0)
    fields = DelimitedFields(format)
    if format != .jsonLines { try readHeader() }
  }

  private mutating func readHeader() throws {
    guard let record = try delimited(columns: nil) else {
      throw ImportFault("\(file.path):1: the file is empty; its first line must name the columns")
    }
    switch record.content {
    case .columns(let names):
      var seen: Set<String> = []
      for name in names where !seen.insert(name).inserted {
        throw ImportFault("\(file.path):1: the header names the column \"\(name)\" twice")
      }
      header = names
      headerSpan = record.span
    case .broken(_, let message): throw ImportFault("\(file.path):1: the header: \(message)")
    case .members: return
    }
  }

  /// The next record, or nil at the end of the file.
  package mutating func next() throws -> SourceRecord? {
    if let header { return try delimited(columns: header.count) }
    while let line = try scanner.next() {
      let span = SourceSpan(
        line: line.number, offset: line.offset, byteCount: line.endOffset - line.offset)
      if line.isTooLong { return RecordReader.tooLong(span) }
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

  private static func tooLong(_ span: SourceSpan) -> SourceRecord {
    SourceRecord(
      span: span,
      content: .broken(
        code: "too_long",
        message: "longer than \(LineScanner.maximumLineBytes) bytes"))
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
      if line.isTooLong { return RecordReader.tooLong(span(first, line)) }
      let isOpen = progress == .open
      var fed = fields
      // Moved out and in again, because the scanner's bytes are borrowed meanwhile.
      fields = DelimitedFields(format)
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
    if fields.isTooLong { return RecordReader.tooLong(span(first, line)) }
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
}

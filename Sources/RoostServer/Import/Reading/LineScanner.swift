import Glibc

/// Cuts a file into lines that end with LF or CRLF, holding one block in memory.
///
/// A line longer than `maximumLineBytes` is skipped over and reported by its place alone.
struct LineScanner {
  /// Bytes of the longest line, and of the longest CSV record, that is read.
  static let maximumLineBytes = 1_000_000
  private static let blockBytes = 262_144

  /// A line, valid until the next call of `next` or `seek`.
  struct Line {
    /// From 1.
    let number: Int
    /// Where it starts in the file.
    let offset: Int64
    /// Where the next line starts.
    let endOffset: Int64
    let isTooLong: Bool
    /// The bytes of the window without the line's end.
    fileprivate let content: Range<Int>
    /// The bytes of the line's end as it was written.
    fileprivate let terminatorCount: Int
    /// The line's end as it was written: nothing, LF or CRLF.
    var terminator: [UInt8] { terminatorCount == 2 ? [13, 10] : terminatorCount == 1 ? [10] : [] }

    var isBlank: Bool { content.isEmpty }
  }

  private let file: InputFile
  private let maximumBytes: Int
  private var window: [UInt8]
  /// The part of the window that holds bytes of the file not yet given out.
  private var start = 0
  private var end = 0
  /// The place in the file of the byte at `start`.
  private(set) var offset: Int64
  /// The number of the next line.
  private(set) var number = 1

  /// A line may have `maximumBytes`, or what is the bound for files that people write.
  init(
    _ file: InputFile, from offset: Int64 = 0, maximumBytes: Int = LineScanner.maximumLineBytes
  ) {
    self.file = file
    self.maximumBytes = maximumBytes
    self.offset = offset
    window = [UInt8](repeating: 0, count: LineScanner.blockBytes)
  }

  /// Goes on at `offset`, where line `number` starts.
  mutating func seek(to offset: Int64, line number: Int) {
    self.offset = offset
    self.number = number
    start = 0
    end = 0
  }

  /// Reads the bytes of `line`.
  func withBytes<Result>(_ line: Line, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    window.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[line.content])) }
  }

  /// The next line, or nil at the end of the file.
  mutating func next() throws -> Line? {
    var searched = start
    while true {
      if let newline = newline(from: searched) { return line(upTo: newline, next: newline + 1) }
      searched = end
      if end - start > maximumBytes + 2 { return try skip() }
      let kept = searched - start
      guard try refill() > 0 else {
        return start == end ? nil : line(upTo: end, next: end)
      }
      searched = start + kept
    }
  }

  private func newline(from position: Int) -> Int? {
    window.withUnsafeBytes { bytes in
      guard position < end, let base = bytes.baseAddress,
        let found = memchr(base + position, 10, end - position)
      else { return nil }
      return UnsafeRawPointer(found) - base
    }
  }

  private mutating func line(upTo newline: Int, next: Int) -> Line {
    var last = newline
    if last > start, window[last - 1] == 13 { last -= 1 }
    let line = Line(
      number: number, offset: offset, endOffset: offset + Int64(next - start),
      isTooLong: last - start > maximumBytes, content: start..<last,
      terminatorCount: next - last)
    offset = line.endOffset
    start = next
    number += 1
    return line
  }

  /// Reads past a line that is too long.
  private mutating func skip() throws -> Line {
    let first = offset
    offset += Int64(end - start)
    start = end
    while try refill() > 0 {
      let next = newline(from: start).map { $0 + 1 } ?? end
      offset += Int64(next - start)
      let isWhole = next > start && window[next - 1] == 10
      start = next
      if isWhole { break }
    }
    let line = Line(
      number: number, offset: first, endOffset: offset, isTooLong: true, content: start..<start,
      terminatorCount: 1)
    number += 1
    return line
  }

  /// Moves what is left to the front and reads one block behind it; returns its size.
  private mutating func refill() throws -> Int {
    let kept = end - start
    if start > 0 {
      window.withUnsafeMutableBytes { bytes in
        if kept > 0, let base = bytes.baseAddress { memmove(base, base + start, kept) }
      }
      start = 0
      end = kept
    }
    if window.count - kept < LineScanner.blockBytes {
      window += [UInt8](repeating: 0, count: LineScanner.blockBytes)
    }
    let count = try window.withUnsafeMutableBytes { bytes in
      try file.read(
        at: offset + Int64(kept),
        into: UnsafeMutableRawBufferPointer(
          rebasing: bytes[kept..<(kept + LineScanner.blockBytes)]))
    }
    end = kept + count
    return count
  }
}

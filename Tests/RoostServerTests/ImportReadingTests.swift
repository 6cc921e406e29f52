import Foundation
import RoostCore
import RoostServer
import Testing

/// A folder that is removed with its last holder.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("roost-import-\(Foundation.UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  func file(_ name: String, _ text: String) throws -> String { try file(name, Array(text.utf8)) }
}

@Suite("Reading files to import")
struct ImportReadingTests {
  /// The records of a file, a line each: `line: content`.
  private static func read(
    _ bytes: [UInt8], _ format: FileFormat, _ encoding: TextEncoding = .utf8
  ) throws -> [String] {
    let folder = try TemporaryFolder()
    let path = try folder.file("input", bytes)
    var reader = try RecordReader(InputFile(path: path), format: format, encoding: encoding)
    var shown: [String] = []
    var next = reader.headerSpan.map { $0.offset + $0.byteCount }
    while let record = try reader.next() {
      if let next, format == .tsv { #expect(record.span.offset == next) }
      next = record.span.offset + record.span.byteCount
      switch record.content {
      case .columns(let texts):
        shown.append("\(record.span.line): " + texts.joined(separator: "|"))
      case .cells(let texts):
        shown.append("\(record.span.line): " + texts.map { $0 ?? "-" }.joined(separator: "|"))
      case .members(let members): shown.append("\(record.span.line): " + JSON.object(members).text)
      case .broken(let code, let message):
        shown.append("\(record.span.line): !\(code) \(message.prefix(16))")
      }
    }
    #expect(reader.position == Int64(bytes.count))
    return shown
  }

  @Test(
    "A file that begins as an export does is read as one",
    arguments: [
      (FileFormat.tsv, "id\tversion\tcreatedAt\tupdatedAt\ta\n1\t\t\t\t", true),
      (.csv, "id,version,createdAt,updatedAt,a\r\n1,,,,", true),
      (.tsv, "id\tcreatedAt\tupdatedAt\tversion\ta\n1\t\t\t\t", false),
      (.csv, "id,name,createdAt,updatedAt,a\r\n1,,,,", false),
    ])
  func exports(format: FileFormat, text: String, isExport: Bool) throws {
    let tests: [(cell: String, csv: String, tsv: String)] = [
      ("", "-", "-"), ("\"\"", "", "\"\""), ("\\e", "\\e", ""), ("x\\ty", "x\\ty", "x\ty"),
      ("\\\\t", "\\\\t", "\\t"), ("\\n", "\\n", "\n"), ("\\x", "\\x", "!encoding column 5 is not "),
    ]
    for (cell, csv, tsv) in tests {
      let shown = try Self.read(Array((text + cell + "\n").utf8), format)
      let literal = format == .csv && cell == "\"\"" ? "" : cell
      let want = isExport ? (format == .csv ? csv : tsv) : literal
      let nothing = isExport ? "1|-|-|-|" : "1||||"
      #expect(shown == ["2: " + (want.hasPrefix("!") ? want : nothing + want)])
    }
  }

  @Test(
    "What is UTF-16 or UTF-32 is told as such, with the words for iconv",
    arguments: [
      ([0xFF, 0xFE, 0x61, 0], "UTF-16"), ([0xFE, 0xFF, 0, 0x61], "UTF-16"),
      ([0x61, 0, 0x62, 0], "UTF-16LE"), ([0, 0x61, 0, 0x62], "UTF-16BE"),
      ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], "UTF-32"), ([0, 0, 0xFE, 0xFF, 0, 0, 0, 0x61], "UTF-32"),
      ([0x61, 0, 0, 0], "UTF-32LE"), ([0, 0, 0, 0x61], "UTF-32BE"), ([0x61, 0], "UTF-16LE"),
    ])
  func wide(bytes: [UInt8], converter: String) throws {
    let fault = #expect(throws: ImportFault.self) { try Self.read(bytes, .jsonLines) }
    #expect(fault?.code == "encoding")
    #expect(fault?.exitStatus == 2)
    #expect(fault?.message.contains("(iconv -f \(converter) -t UTF-8)") == true)
    #expect(fault?.message.contains("is \(converter.prefix(6));") == true)
  }

  @Test(
    "CSV is read as RFC 4180 says, and a broken record does not stop it",
    arguments: [
      ("a,b\n1,2\n3,4\n", ["2: 1|2", "3: 3|4"]),
      ("a,b\r\n1,2\r\n3,4", ["2: 1|2", "3: 3|4"]),
      ("\u{FEFF}a,b\n1,2\n", ["2: 1|2"]),
      ("a,b\n\"1,5\",\"x\"\"y\"\n", ["2: 1,5|x\"y"]),
      ("a,b\n\"one\ntwo\",2\n3,4\n", ["2: one\ntwo|2", "4: 3|4"]),
      ("a,b\r\n\"one\r\ntwo\",2\r\n3,4\r\n", ["2: one\r\ntwo|2", "4: 3|4"]),
      ("a,b\n\"\n\n\",2\n", ["2: \n\n|2"]),
      ("a,b\n,\n\"\",\"\"\n", ["2: |", "3: |"]),
      ("a,b\n\n1,2\n\n", ["3: 1|2"]),
      ("a\n\n1\n", ["2: ", "3: 1"]),
      ("a,b\n1,é€😀\n", ["2: 1|é€😀"]),
      (
        "a,b\n1\n1,2,3\n4,5\n",
        ["2: !columns 1 columns, but t", "3: !columns 3 columns, but t", "4: 4|5"]
      ),
      ("a,b\n1,2\"3\n4,5\n", ["2: !quote a quote inside c", "3: 4|5"]),
      ("a,b\n\"1\"x,2\n4,5\n", ["2: !quote text after the c", "3: 4|5"]),
      ("a,b\n\"1,2\n3,\"4\"\n5,6\n", ["2: !quote text after the c", "4: 5|6"]),
      ("a,b\n1,\"2\n3,4\n5,6\n", ["2: !quote a quote is opene", "3: 3|4", "4: 5|6"]),
      ("a,b\n1,\"2", ["2: !quote a quote is opene"]),
      ("a,b\n1, \"2\"\n", ["2: !quote a quote inside c"]),
      ("a,b\n", []),
    ])
  func csv(text: String, expected: [String]) throws {
    #expect(try Self.read(Array(text.utf8), .csv) == expected)
  }

  @Test(
    "TSV has no quoting",
    arguments: [
      ("a\tb\n1\t2\n", ["2: 1|2"]),
      ("a\tb\r\n\"1\t2\"\r\n", ["2: \"1|2\""]),
      ("a\tb\n1,5\t\n\t\n", ["2: 1,5|", "3: |"]),
      ("a\tb\n1\n2\t3\n", ["2: !columns 1 columns, but t", "3: 2|3"]),
    ])
  func tsv(text: String, expected: [String]) throws {
    #expect(try Self.read(Array(text.utf8), .tsv) == expected)
  }

  @Test(
    "JSON Lines are objects, one a line",
    arguments: [
      ("{\"a\":1}\n{\"a\":\"x\\ny\"}\n", ["1: {\"a\":1}", "2: {\"a\":\"x\\ny\"}"]),
      ("\u{FEFF}{}\r\n \n{\"b\":null}", ["1: {}", "3: {\"b\":null}"]),
      ("[1]\n{}\n", ["1: !json a JSON object is", "2: {}"]),
      ("{\"a\":}\n{}\n", ["1: !json column 6: expect", "2: {}"]),
      ("{\"a\":1\n}\n{}", ["1: !json column 7: the do", "2: !json column 1: expect", "3: {}"]),
      ("{\"a\":1,\"a\":2}\n", ["1: !json column 8: "]),
      ("", []),
    ])
  func jsonLines(text: String, expected: [String]) throws {
    let shown = try Self.read(Array(text.utf8), .jsonLines)
    #expect(shown.count == expected.count)
    for (line, start) in zip(shown, expected) { #expect(line.hasPrefix(start), "\(line)") }
  }

  @Test("Bytes that are not UTF-8 refuse their line, and are letters in latin-1")
  func encodings() throws {
    let bytes = Array("a\tb\n1\tBj".utf8) + [0xF6] + Array("rk\n2\t".utf8) + [0xFF, 0x41, 10]
    #expect(
      try Self.read(bytes, .tsv) == [
        "2: !encoding column 2 is not ", "3: !encoding column 2 is not ",
      ])
    #expect(try Self.read(bytes, .tsv, .latin1) == ["2: 1|Björk", "3: 2|ÿA"])
    let json = Array("{\"a\":\"".utf8) + [0xF6] + Array("\"}\n".utf8)
    #expect(try Self.read(json, .jsonLines)[0].hasPrefix("1: !json"))
    #expect(try Self.read(json, .jsonLines, .latin1) == ["1: {\"a\":\"ö\"}"])
  }

  @Test("A line of a megabyte is read and a longer one refused, at any distance from a block's end")
  func longLines() throws {
    for extra in [0, 1, 2, 3, 262_144, 3_000_000] {
      var text = "a,b\nx,"
      text += String(repeating: "y", count: 1_000_000 - 2 + extra)
      text += "\r\n1,2\n"
      let shown = try Self.read(Array(text.utf8), .csv)
      #expect(shown.count == 2)
      if extra == 0 {
        #expect(shown[0].utf8.count == 1_000_003)
      } else {
        #expect(shown[0] == "2: !too_long longer than 1000")
      }
      #expect(shown[1] == "3: 1|2")
    }
  }

  @Test("A quoted record of more than a megabyte is refused as a whole when it ends")
  func longRecords() throws {
    let lines = String(repeating: "injected,line\n", count: 100_000)
    let whole = "a,b\n\"\(lines)\",2\n3,4\n"
    #expect(
      try Self.read(Array(whole.utf8), .csv) == [
        "2: !too_long longer than 1000", "100003: 3|4",
      ])
    let open = try Self.read(Array("a,b\n\"\(lines)".utf8), .csv)
    #expect(open.count == 100_000)
    #expect(open.prefix(2) == ["2: !quote a quote is opene", "3: injected|line"])
  }

  @Test("Lines are cut alike wherever the blocks of a file end")
  func blocks() throws {
    var text = "n,t\n"
    var expected: [String] = []
    for number in 0..<40_000 {
      let long = String(repeating: "é", count: number % 97)
      text += "\(number),\"\(long)\"\r\n"
      expected.append("\(number + 2): \(number)|\(long)")
    }
    #expect(try Self.read(Array(text.utf8), .csv) == expected)
  }

  @Test(
    "A header that is empty, repeats a name or is not UTF-8 stops the import",
    arguments: [
      ([UInt8](), "the file is empty"), (Array("a,b,a\n1,2,3\n".utf8), "the column \"a\" twice"),
      ([0xE9, 44, 98, 10], "not UTF-8"), (Array("a,\"b\n1,2\n".utf8), "never closed"),
    ])
  func headers(bytes: [UInt8], expected: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.file("input.csv", bytes)
    let fault = #expect(throws: ImportFault.self) {
      try RecordReader(InputFile(path: path), format: .csv, encoding: .utf8)
    }
    #expect(fault?.message.hasPrefix("\(path):1: ") == true)
    #expect(fault?.message.contains(expected) == true, "\(fault?.message ?? "")")
  }

  @Test("What is no file is refused with its name")
  func files() throws {
    let folder = try TemporaryFolder()
    for path in [folder.path, folder.path + "/missing", "/dev/null"] {
      let fault = #expect(throws: ImportFault.self) { try InputFile(path: path) }
      #expect(fault?.message.hasPrefix(path + ": ") == true)
    }
  }

  @Test(
    "The ending names the format",
    arguments: [
      ("a.jsonl", FileFormat.jsonLines), ("/x.csv/a.TSV", .tsv), ("b.csv", .csv),
      ("b.ndjson", .jsonLines),
      ("csv", nil), ("/x.csv/a", nil), ("a.json", nil),
    ] as [(String, FileFormat?)])
  func endings(path: String, expected: FileFormat?) {
    #expect(FileFormat(path: path) == expected)
  }
}

import Cryptography
import Glibc
import RoostCore
import RoostServer
import Rules
import Schema
import SyncProtocol
import Wire

// What libFuzzer calls, in a build of its own (`make fuzz-readers`). A fault is a trap, a report of
// the address sanitizer, an input that takes too long, or a promise below that does not hold.

/// A reader of what strangers send.
enum Fuzzed: String, CaseIterable {
  case http, chunks, json, sdl, filter, rule, frames, cursor, tsv, csv, yaml, backup

  /// The one that the environment names.
  static let chosen: Fuzzed = {
    let name = getenv("ROOST_FUZZED").map { String(cString: $0) } ?? ""
    guard let chosen = Fuzzed(rawValue: name) else {
      fatalError("ROOST_FUZZED names one of \(Fuzzed.allCases.map(\.rawValue))")
    }
    return chosen
  }()

  func run(_ bytes: [UInt8]) {
    switch self {
    case .http: Fuzzed.http(bytes)
    case .chunks: Fuzzed.chunks(bytes)
    case .json: Fuzzed.json(bytes)
    case .sdl: Fuzzed.sdl(bytes)
    case .filter: Fuzzed.expression(bytes, .filter)
    case .rule: Fuzzed.expression(bytes, .rule)
    case .frames: Fuzzed.frames(bytes)
    case .cursor: Fuzzed.cursor(bytes)
    case .tsv: Fuzzed.records(bytes, .tsv)
    case .csv: Fuzzed.records(bytes, .csv)
    case .yaml: _ = try? YAMLNode.parse(bytes)
    case .backup: Fuzzed.backup(bytes)
    }
  }

  /// A head is the same to the parser whether it comes at once or byte by byte.
  private static func http(_ bytes: [UInt8]) {
    let whole = RequestHeadParser(headBytes: 16_384, fields: 100, targetBytes: 8192)
    let outcome = whole.parse(bytes.span)
    guard case .complete(let layout) = outcome else { return }
    require(layout.length <= bytes.count, "a head is longer than what was read")
    for count in [layout.length - 1, layout.length / 2] where count > 0 {
      let part = RequestHeadParser(headBytes: 16_384, fields: 100, targetBytes: 8192)
      if case .complete = part.parse(Array(bytes[..<count]).span) {
        require(false, "a part of a head is a head")
      }
    }
  }

  /// A body has the same content in whatever pieces it comes.
  private static func chunks(_ bytes: [UInt8]) {
    let whole = content(bytes, pieces: max(1, bytes.count))
    require(content(bytes, pieces: 1) == whole, "a body depends on its pieces")
  }

  private static func content(_ bytes: [UInt8], pieces size: Int) -> [UInt8]? {
    var decoder = BodyDecoder.chunked
    var content: [UInt8] = []
    var start = 0
    while start < bytes.count {
      let piece = Array(bytes[start..<min(bytes.count, start + size)])
      var offset = 0
      reading: while true {
        switch decoder.decode(piece.span, from: offset) {
        case .incomplete: break reading
        case .data(let range):
          content += piece[range]
          offset = range.upperBound
        case .finished: return content
        case .fault: return nil
        }
      }
      start += piece.count
    }
    return content
  }

  /// What is written of a value is that value.
  private static func json(_ bytes: [UInt8]) {
    guard let value = try? JSON.parse(bytes) else { return }
    require((try? JSON.parse(value.encoded)) == value, "a value is another one when it is written")
  }

  private static func sdl(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self),
      let model = try? SchemaModel.load(source: text)
    else { return }
    _ = try? RuleBook(model)
  }

  private static func expression(_ bytes: [UInt8], _ limits: ExpressionLimits) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    _ = try? ExpressionParser.parse(text, limits)
  }

  /// What is written of frames is those frames.
  private static func frames(_ bytes: [UInt8]) {
    guard let frames = try? FrameReader().frames(bytes) else { return }
    let written = frames.map(\.encoded)
    guard let again = try? FrameReader().frames(Array(written.joined(separator: [10]))) else {
      return require(false, "frames that were written cannot be read")
    }
    require(again.map(\.encoded) == written, "frames are others when they are written")
  }

  private static let signer = CursorSigner(key: HMACKey([UInt8](repeating: 7, count: 32)))

  /// Nobody else's text has a signature, and the own one is found.
  private static func cursor(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    require(signer.verify(text, purpose: "list") == nil, "a signature was guessed")
    guard bytes.count < 2048 else { return }
    let own = signer.sign(bytes, purpose: "list")
    require(signer.verify(own, purpose: "list") == bytes, "a signature is not known again")
    require(signer.verify(own, purpose: "tsil") == nil, "a signature is good for something else")
  }

  private static func records(_ bytes: [UInt8], _ format: FileFormat) {
    guard let path = file(bytes) else { return }
    for isExport in [false, true] {
      guard let input = try? InputFile(path: path),
        var reader = try? RecordReader(input, format: format, encoding: .utf8, isExport: isExport)
      else { continue }
      var count = 0
      while let record = try? reader.next() {
        _ = record
        count += 1
        require(count <= bytes.count + 1, "more records than bytes")
      }
    }
  }

  private static func backup(_ bytes: [UInt8]) {
    guard let path = file(bytes), let reader = try? BackupReader(path) else { return }
    var count: Int64 = 0
    let said = try? reader.unpack(nil) { count += Int64($0.count) }
    require(said == nil || said == count, "a backup holds more or less than it says")
  }

  private static let memory: CInt = {
    let path = "/dev/shm/roost-fuzzing-\(getpid())"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    unlink(path)
    return descriptor
  }()

  /// A file with these bytes, in memory.
  private static func file(_ bytes: [UInt8]) -> String? {
    let descriptor = memory
    guard descriptor >= 0, ftruncate(descriptor, 0) == 0,
      pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
    else { return nil }
    return "/proc/self/fd/\(descriptor)"
  }

  private static func require(_ holds: Bool, _ promise: String) {
    if !holds { fatalError(promise) }
  }
}

/// One input; libFuzzer finds it by this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Fuzzed.chosen.run(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

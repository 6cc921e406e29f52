/// Reads a compiled zone: TZif of version 2 or later, RFC 9636.
enum ZoneFile {
  /// Throws `ZoneError` for bytes that are no such file; `name` is for the message.
  static func parse(_ bytes: [UInt8], name: String) throws(ZoneError) -> Zone {
    var reader = Reader(bytes: bytes, name: name)
    let old = try reader.header()
    guard old.version >= UInt8(ascii: "2") else {
      throw reader.fault("it is of version 1, which ends in 2037")
    }
    // The first block is for readers of 32 bits: the whole file is said again behind it.
    try reader.skip(old.bytes(timeBytes: 4))
    let counts = try reader.header()
    guard counts.types > 0 else { throw reader.fault("it has no types of local time") }
    guard counts.leaps == 0 else {
      throw reader.fault("it counts leap seconds, which clocks of computers do not")
    }
    var times: [Int64] = []
    for _ in 0..<counts.times { times.append(try reader.int64()) }
    guard zip(times, times.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw reader.fault("its changes are not in order")
    }
    var types: [Int] = []
    for _ in 0..<counts.times { types.append(Int(try reader.byte())) }
    var offsets: [Int64] = []
    for _ in 0..<counts.types {
      offsets.append(Int64(try reader.int32()))
      try reader.skip(2)
    }
    guard types.allSatisfy({ $0 < offsets.count }), offsets.allSatisfy({ abs($0) <= 93_600 })
    else { throw reader.fault("a type of local time is not valid") }
    try reader.skip(counts.characters + counts.standards + counts.universals)
    let footer = try reader.footer()
    var rule: ZoneRule?
    if !footer.isEmpty {
      rule = ZoneRule(footer)
      if rule == nil { throw reader.fault("its footer is not valid: \(footer.prefix(60))") }
    }
    return Zone(
      name: name, times: times, offsets: types.map { offsets[$0] }, first: offsets[0], rule: rule)
  }

  private struct Header {
    let version: UInt8
    let universals: Int
    let standards: Int
    let leaps: Int
    let times: Int
    let types: Int
    let characters: Int

    /// The length of the block that follows.
    func bytes(timeBytes: Int) -> Int {
      times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standards
        + universals
    }
  }

  private struct Reader {
    let bytes: [UInt8]
    let name: String
    var place = 0

    init(bytes: [UInt8], name: String) {
      self.bytes = bytes
      self.name = name
    }

    func fault(_ reason: String) -> ZoneError {
      ZoneError("The data of the time zone \(name) cannot be read: \(reason). Install tzdata anew.")
    }

    mutating func byte() throws(ZoneError) -> UInt8 {
      guard place < bytes.count else { throw fault("the file ends too early") }
      defer { place += 1 }
      return bytes[place]
    }

    mutating func skip(_ count: Int) throws(ZoneError) {
      guard count <= bytes.count - place else { throw fault("the file ends too early") }
      place += count
    }

    mutating func int32() throws(ZoneError) -> Int32 {
      var value: UInt32 = 0
      for _ in 0..<4 { value = value << 8 | UInt32(try byte()) }
      return Int32(bitPattern: value)
    }

    mutating func int64() throws(ZoneError) -> Int64 {
      var value: UInt64 = 0
      for _ in 0..<8 { value = value << 8 | UInt64(try byte()) }
      return Int64(bitPattern: value)
    }

    mutating func count() throws(ZoneError) -> Int {
      let value = Int(try int32())
      guard value >= 0, value <= bytes.count else { throw fault("a count is not valid") }
      return value
    }

    mutating func header() throws(ZoneError) -> Header {
      for expected in "TZif".utf8 {
        guard try byte() == expected else { throw fault("it is no TZif file") }
      }
      let version = try byte()
      try skip(15)
      let universals = try count()
      let standards = try count()
      let leaps = try count()
      let times = try count()
      let types = try count()
      return Header(
        version: version, universals: universals, standards: standards, leaps: leaps,
        times: times, types: types, characters: try count())
    }

    /// The text between two ends of lines.
    mutating func footer() throws(ZoneError) -> String {
      guard try byte() == 10 else { throw fault("it has no footer") }
      var text: [UInt8] = []
      while true {
        let byte = try byte()
        if byte == 10 { return String(decoding: text, as: UTF8.self) }
        text.append(byte)
      }
    }
  }
}

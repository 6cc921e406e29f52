import RoostCore

/// The members of a JSON object, read by type; a fault names its place by a pointer.
struct Members {
  let object: JSONObject
  let pointer: String

  /// `strict` objects are looked through by `only`; of others, unknown members are passed over, so
  /// that a frame can gain members.
  init(_ json: JSON, _ pointer: String, strict: Bool = false) throws(RoostError) {
    guard let object = json.object else {
      throw Members.issue(pointer, "type", "Expected an object, not \(json.kind).")
    }
    self.object = object
    self.pointer = pointer
  }

  init(_ object: JSONObject, _ pointer: String) {
    self.object = object
    self.pointer = pointer
  }

  static func issue(_ pointer: String, _ code: String, _ message: String) -> RoostError {
    RoostError(
      .malformed, message,
      issues: [FieldIssue(pointer: pointer, code: code, message: message)])
  }

  func place(_ key: String) -> String {
    // So many bytes are no more characters, which take longer to count.
    let isShort = key.utf8.count <= 60
    return pointer + "/" + (isShort ? JSONPointer.escape(key) : JSONPointer.escape(key.prefix(60)))
  }

  func fault(_ key: String, _ code: String, _ message: String) -> RoostError {
    Members.issue(place(key), code, message)
  }

  /// Refuses members of other names.
  func only(_ known: [String]) throws(RoostError) {
    for (key, _) in object where !known.contains(key) {
      throw fault(key, "unknown_member", "This version knows no such member here.")
    }
  }

  /// The member, or nil where it is left out or null.
  func value(_ key: String) -> JSON? {
    guard let value = object[key], !value.isNull else { return nil }
    return value
  }

  func required(_ key: String) throws(RoostError) -> JSON {
    guard let value = value(key) else { throw fault(key, "required", "\(key) is required.") }
    return value
  }

  /// Refuses an object that lacks any of these members, and names all that it lacks at once.
  func require(_ keys: [String]) throws(RoostError) {
    let missing = keys.filter { value($0) == nil }
    guard missing.count > 1 else {
      for key in missing { _ = try required(key) }
      return
    }
    let names = missing.dropLast().joined(separator: ", ") + " and " + missing[missing.count - 1]
    throw RoostError(
      .malformed, "\(names) are required.",
      issues: missing.map {
        FieldIssue(pointer: place($0), code: "required", message: "\($0) is required.")
      })
  }

  /// A text of 1 to 128 bytes.
  func text(_ key: String) throws(RoostError) -> String {
    guard let text = try required(key).string, (1...128).contains(text.utf8.count) else {
      throw fault(key, "type", "\(key) is a text of 1 to 128 bytes.")
    }
    return text
  }

  func optionalText(_ key: String, longest: Int = 128) throws(RoostError) -> String? {
    guard let value = value(key) else { return nil }
    guard let text = value.string, text.utf8.count <= longest else {
      throw fault(key, "type", "\(key) is a text of at most \(longest) bytes.")
    }
    return text
  }

  /// A text that is stored as it is: without NUL, which PostgreSQL has no place for.
  func storedText(_ key: String, longest: Int) throws(RoostError) -> String? {
    guard let text = try optionalText(key, longest: longest) else { return nil }
    guard !text.utf8.contains(0) else {
      throw fault(key, "type", "\(key) may not contain the character NUL (U+0000).")
    }
    return text
  }

  /// A whole number from `least` to 2^53.
  func int(_ key: String, from least: Int64 = 0) throws(RoostError) -> Int64 {
    try Members.int(try required(key), place(key), from: least)
  }

  func optionalInt(_ key: String, from least: Int64 = 0) throws(RoostError) -> Int64? {
    guard let value = value(key) else { return nil }
    return try Members.int(value, place(key), from: least)
  }

  static func int(
    _ value: JSON, _ pointer: @autoclosure () -> String, from least: Int64
  ) throws(RoostError) -> Int64 {
    // Where a value stands is put together for a fault alone: nearly all values have none.
    guard let number = value.int, number >= least, number <= 1 << 53 else {
      throw issue(pointer(), "range", "Expected a whole number from \(least) to 2^53.")
    }
    return number
  }

  func optionalBool(_ key: String) throws(RoostError) -> Bool? {
    guard let value = value(key) else { return nil }
    guard let bool = value.bool else { throw fault(key, "type", "\(key) is true or false.") }
    return bool
  }

  /// A UUID in lower case.
  func uuid(_ key: String) throws(RoostError) -> UUID {
    guard let id = try optionalUUID(key) else {
      throw fault(key, "required", "\(key) is required.")
    }
    return id
  }

  func optionalUUID(_ key: String) throws(RoostError) -> UUID? {
    guard let value = value(key) else { return nil }
    return try Members.uuid(value, place(key))
  }

  static func uuid(
    _ value: JSON, _ pointer: @autoclosure () -> String
  ) throws(RoostError) -> UUID {
    guard let text = value.string, let id = UUID(text), id != .zero, Digits.isLowerCase(text.utf8)
    else { throw issue(pointer(), "type", "Expected a UUID in lower case.") }
    return id
  }

  func hash(_ key: String) throws(RoostError) -> ChainHash {
    guard let hash = try optionalHash(key) else {
      throw fault(key, "required", "\(key) is required.")
    }
    return hash
  }

  func optionalHash(_ key: String) throws(RoostError) -> ChainHash? {
    guard let value = value(key) else { return nil }
    guard let text = value.string, let hash = ChainHash(text) else {
      throw fault(key, "type", "\(key) is 32 hexadecimal digits in lower case.")
    }
    return hash
  }

  /// Sixteen hexadecimal digits.
  func word(_ key: String) throws(RoostError) -> UInt64 {
    guard let text = try required(key).string, let word = Digits.hexadecimal(text.utf8) else {
      throw fault(key, "type", "\(key) is 16 hexadecimal digits in lower case.")
    }
    return word
  }

  func stamp(_ key: String) throws(RoostError) -> Stamp {
    try Members.stamp(try required(key), place(key))
  }

  static func stamp(
    _ value: JSON, _ pointer: @autoclosure () -> String
  ) throws(RoostError) -> Stamp {
    guard let text = value.string, let stamp = Stamp(text) else {
      throw issue(
        pointer(), "type", "Expected a stamp: 16 hexadecimal digits, a hyphen and a UUID.")
    }
    return stamp
  }

  /// The stamps of fields; empty where the member is left out.
  func stamps(_ key: String) throws(RoostError) -> [String: Stamp] {
    guard let members = try optionalMembers(key) else { return [:] }
    var stamps: [String: Stamp] = [:]
    for (field, value) in members.object {
      stamps[field] = try Members.stamp(value, members.place(field))
    }
    return stamps
  }

  func object(_ key: String) throws(RoostError) -> JSONObject {
    guard let object = try required(key).object else {
      throw fault(key, "type", "\(key) is an object.")
    }
    return object
  }

  func members(_ key: String) throws(RoostError) -> Members {
    try Members(try required(key), place(key))
  }

  func optionalMembers(_ key: String) throws(RoostError) -> Members? {
    guard let value = value(key) else { return nil }
    return try Members(value, place(key))
  }

  /// An array of at most `most` elements; empty where the member is left out.
  func array(_ key: String, most: Int = .max) throws(RoostError) -> [JSON] {
    guard let value = value(key) else { return [] }
    guard let array = value.array else { throw fault(key, "type", "\(key) is an array.") }
    guard array.count <= most else {
      throw fault(key, "max_items", "\(key) holds at most \(most) elements.")
    }
    return array
  }

  func lane(_ key: String) throws(RoostError) -> Lane {
    guard let lane = try required(key).string.flatMap(Lane.init(rawValue:)) else {
      throw fault(key, "enum", "A lane is LIVE, HOURLY, DAILY or ON_DEMAND.")
    }
    return lane
  }

  /// An object by lanes; empty where the member is left out.
  func lanes<Value>(
    _ key: String, _ read: (Members) throws(RoostError) -> Value
  ) throws(RoostError) -> [Lane: Value] {
    guard let members = try optionalMembers(key) else { return [:] }
    var values: [Lane: Value] = [:]
    for (name, value) in members.object {
      guard let lane = Lane(rawValue: name) else {
        throw members.fault(name, "enum", "A lane is LIVE, HOURLY, DAILY or ON_DEMAND.")
      }
      values[lane] = try read(try Members(value, members.place(name)))
    }
    return values
  }

  /// An object whose names are numbers of streams; empty where the member is left out.
  func streams(_ key: String, most: Int = .max) throws(RoostError) -> [Int64: Int64] {
    guard let members = try optionalMembers(key) else { return [:] }
    guard members.object.count <= most else {
      throw fault(key, "max_items", "\(key) names at most \(most) streams.")
    }
    var cursors: [Int64: Int64] = [:]
    for (name, value) in members.object {
      let stream = try Members.number(name, members.place(name))
      cursors[stream] = try Members.int(value, members.place(name), from: 0)
    }
    return cursors
  }

  /// An array of numbers of streams; empty where the member is left out.
  func streamList(_ key: String) throws(RoostError) -> [Int64] {
    var streams: [Int64] = []
    for (index, value) in try array(key).enumerated() {
      streams.append(try Members.int(value, place(key) + "/\(index)", from: 1))
    }
    return streams
  }

  /// A positive number that is a member's name, in its one decimal form.
  static func number(
    _ name: String, _ pointer: @autoclosure () -> String
  ) throws(RoostError) -> Int64 {
    guard let number = Int64(name), number > 0, number <= 1 << 53, String(number) == name else {
      throw issue(pointer(), "type", "The name of this member is a number.")
    }
    return number
  }
}

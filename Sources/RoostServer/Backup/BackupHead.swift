import Cryptography
package import RoostCore

/// What a backup says of itself without a key.
package struct BackupHead: Sendable, Equatable {
  static let magic = Array("ROOSTBK1".utf8)
  static let largestBytes = 65_536

  package var id: UUID
  package var madeAt: Timestamp
  /// What the copy inside is, as the engine calls it.
  package var content: String
  /// The version of the program that made it.
  package var program: String
  /// The version of the app's schema.
  package var schema: String
  /// How long the log was at least.
  package var position: Int64
  /// With a key: 32 random bytes.
  package var salt: [UInt8]?
  /// The key that opens it; nil where none is needed.
  package var keyID: String?

  package var json: JSON {
    var object = JSONObject()
    object["format"] = 1
    object["id"] = .string(id.description)
    object["madeAt"] = .string(madeAt.description)
    object["content"] = .string(content)
    object["program"] = .string(program)
    object["schema"] = .string(schema)
    object["position"] = .int(position)
    object["key"] = keyID.map { .string($0) } ?? .null
    object["salt"] = salt.map { .string(Hex.encode($0)) } ?? .null
    return .object(object)
  }

  init(
    id: UUID, madeAt: Timestamp, content: String, program: String, schema: String,
    position: Int64, salt: [UInt8]?, keyID: String?
  ) {
    self.id = id
    self.madeAt = madeAt
    self.content = content
    self.program = program
    self.schema = schema
    self.position = position
    self.salt = salt
    self.keyID = keyID
  }

  /// Nil where `json` is no head of this format.
  init?(_ json: JSON) {
    guard json["format"]?.int == 1, let id = json["id"]?.string.flatMap({ UUID($0) }),
      let madeAt = json["madeAt"]?.string.flatMap({ Timestamp($0) }),
      let content = json["content"]?.string, let program = json["program"]?.string,
      let schema = json["schema"]?.string, let position = json["position"]?.int
    else { return nil }
    let salt = json["salt"]?.string.flatMap { Hex.decode($0) }
    let keyID = json["key"]?.string
    guard (salt == nil) == (keyID == nil) else { return nil }
    self.init(
      id: id, madeAt: madeAt, content: content, program: program, schema: schema,
      position: position, salt: salt, keyID: keyID)
  }
}

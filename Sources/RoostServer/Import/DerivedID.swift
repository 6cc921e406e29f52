import Cryptography
package import RoostCore

/// Identifiers that are made from a text: the same text gives the same one, today and in any file.
///
/// `NameUUID` of a namespace's sixteen bytes and the text.
package enum DerivedID {
  /// Keys of mapping files (`artist:{id}`), of records and accounts alike.
  static let keys = UUID(high: 0x0b0a_f2a3_6d5c_8f4e, low: 0x9e51_7a20_63d1_c8b4)
  /// Records without a key, by their collection and content.
  static let contents = UUID(high: 0x5d1e_90c7_284b_8a36, low: 0xb3f0_14ee_52a9_077d)

  /// The identifier of a key such as `artist:17`.
  package static func key(_ text: String) -> UUID { make(keys, text) }

  /// The identifier of `text` in a namespace.
  package static func make(_ namespace: UUID, _ text: String) -> UUID {
    var bytes = namespace.bytes
    bytes.append(contentsOf: text.utf8)
    return NameUUID.make(bytes)
  }

  /// The identifier of a record of `collection` by what its line says, members in any order.
  static func content(_ members: JSONObject, of collection: String) -> UUID {
    var json = JSONWriter()
    json.string(collection)
    json.beginObject()
    for (key, value) in members.members.sorted(by: { $0.key < $1.key }) {
      json.key(key)
      json.value(value)
    }
    json.endObject()
    return NameUUID.make(contents.bytes + json.bytes)
  }
}

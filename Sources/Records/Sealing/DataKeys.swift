package import Cryptography
package import Queries
package import RoostCore

/// The keys of sealed values: one for each person, and one for what no person owns.
///
/// They lie in `roost_data_key`, wrapped by the master key, and are read with what they seal: nothing
/// is remembered here, so that a key which is destroyed opens nothing from then on, in any process.
package final class DataKeys: Sendable {
  /// Whose key it is.
  package enum Scope: Sendable, Hashable {
    case person(UUID)
    /// The rows of a collection that nobody owns.
    case collection(Int64)
    /// What belongs to neither.
    case app

    package var text: String {
      switch self {
      case .person(let id): "person \(id)"
      case .collection(let number): "collection \(number)"
      case .app: "app"
      }
    }
  }

  package let masters: MasterKeys
  let ambient: Ambient

  package init(_ masters: MasterKeys, ambient: Ambient) {
    self.masters = masters
    self.ambient = ambient
  }

  /// The message for a schema that needs keys where there are none.
  package static func missing(for field: String) -> String {
    "\(field) is under @encrypted(mode: SERVER), and there is no master key. Make one with: "
      + "roost key create FILE, keep a copy of it elsewhere, and name it as encryption.keyFile in "
      + "roost.yaml. (Or set ROOST_ENCRYPTION_KEY, or encryption.kms.)"
  }

  // MARK: Keys

  /// The key that a scope seals with, made if there is none.
  func key(of scope: Scope, in transaction: any Transaction) async throws -> DataKey {
    if let known = try await current(scope, in: transaction) { return known }
    let made = DataKey.make(ambient.random)
    _ = try await transaction.execute(
      DataKeyTable.insert,
      [
        .text(made.id), .text(scope.text), .text(wrap(made)), .timestamp(ambient.time.now()),
      ])
    // Another writer may have been faster.
    guard let key = try await current(scope, in: transaction) else {
      throw RoostError(.internalError, "A key for new values could not be made.")
    }
    return key
  }

  func wrap(_ key: DataKey) -> String {
    masters.current.wrap(key, nonce: ambient.random.bytes(AESGCM.nonceBytes))
  }

  private func current(
    _ scope: Scope, in transaction: any Transaction
  ) async throws -> DataKey? {
    var found: (id: String, wrapped: String)?
    try await transaction.query(
      DataKeyTable.current[transaction.dialect], [.text(scope.text)]
    ) { row in
      found = (row.text(0), row.text(1))
      return false
    }
    guard let found else { return nil }
    guard let key = masters.unwrap(found.wrapped[...], id: found.id) else {
      throw RoostError(
        .internalError, "A key does not open: nothing can be encrypted with it.",
        cause: UnopenedKey(id: found.id))
    }
    return key
  }

  /// Destroys the keys of a person: what they sealed opens nowhere any more.
  ///
  /// Returns how many there were.
  package func destroy(of person: UUID, in transaction: any Transaction) async throws -> Int {
    try await transaction.execute(DataKeyTable.destroy, [.text(Scope.person(person).text)])
  }

  // MARK: Opening

  /// What a value came to that was read with its key.
  enum Opened {
    case bytes([UInt8])
    /// Its key was destroyed.
    case destroyed
    /// Its key is missing, or it is damaged or of another place.
    case damaged
  }

  /// Opens a text as `SealedColumn.opened` selects it.
  func open(_ text: Substring, at place: [UInt8]) -> Opened {
    guard let dot = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return .damaged }
    let wrapped = text[..<dot]
    let sealed = text[text.utf8.index(after: dot)...]
    if wrapped == DataKeyTable.destroyed { return .destroyed }
    guard let id = DataKey.id(of: sealed), let key = masters.unwrap(wrapped, id: id),
      let bytes = key.open(sealed, at: place)
    else { return .damaged }
    return .bytes(bytes)
  }

  // MARK: Texts beside rows

  /// A text as it is kept beside the rows: in the result of a mutation, in a conflict.
  func seal(
    _ text: String, _ place: SealedPlace, of scope: Scope, in transaction: any Transaction
  ) async throws -> String {
    let key = try await key(of: scope, in: transaction)
    return "$" + key.seal(Array(text.utf8), at: place.bytes, ambient.random)
  }

  /// A text as `SealedColumn.openedIfSealed` selects it; nil where it does not open.
  func text(_ text: String, _ place: SealedPlace) -> String? {
    guard text.hasPrefix("$") else { return text }
    switch open(text.dropFirst(), at: place.bytes) {
    case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .destroyed: return nil
    case .damaged:
      ambient.logger.error(
        "an encrypted text beside the records does not open", [("place", .string(place.name))])
      return nil
    }
  }
}

/// A data key that no master key unwraps.
struct UnopenedKey: Error, CustomStringConvertible {
  let id: String
  var description: String { "the data key \(id) does not unwrap" }
}

/// Where a sealed text beside the rows stands: it opens there alone.
struct SealedPlace {
  let name: String
  private let id: [UInt8]

  init(_ name: String, _ id: [UInt8]) {
    self.name = name
    self.id = id
  }

  var bytes: [UInt8] { Array("roost \(name)\u{0}".utf8) + id }
}

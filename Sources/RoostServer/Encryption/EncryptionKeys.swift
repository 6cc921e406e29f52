import Cryptography
import Queries
import Records
package import RoostCore
package import Schema

/// The master keys of an app, from a file, the environment or a key management service.
package enum EncryptionKeys {
  /// The keys of sealed values; nil where no master key is named.
  ///
  /// `database` has Roost's migrations applied. Throws `RoostError` with what to do, also where what
  /// is stored was wrapped by a key that is not named.
  static func load(
    _ settings: Settings, on database: any Database, ambient: Ambient
  ) async throws -> DataKeys? {
    guard let masters = try await masters(settings, database, ambient) else { return nil }
    try await check(masters, database)
    return DataKeys(masters, ambient: ambient)
  }

  private static func masters(
    _ settings: Settings, _ database: any Database, _ ambient: Ambient
  ) async throws -> MasterKeys? {
    guard let named = try Named(settings, ambient: ambient) else { return nil }
    let current =
      switch named.current {
      case .key(let key): key
      case .service(let service): try await served(by: service, database, ambient)
      }
    return MasterKeys(current, former: named.former)
  }

  /// The master keys that settings name.
  struct Named {
    enum Current {
      case key(MasterKey)
      case service(KeyManagementService)
    }

    let current: Current
    let former: [MasterKey]

    /// Nil where none is named; throws `RoostError` with what to do.
    init?(_ settings: Settings, ambient: Ambient) throws {
      let file = settings.text(SettingKeys.encryptionKeyFile)
      let text = settings.text(SettingKeys.encryptionKey)
      let hasService = !settings.text(SettingKeys.kmsKey).isEmpty
      former = try EncryptionKeys.formerFiles(settings).map { try MasterKeyFile.read($0) }
      let given = [!file.isEmpty, !text.isEmpty, hasService].count { $0 }
      guard given <= 1 else {
        throw RoostError(
          .invalid,
          "There is more than one master key: name one of encryption.keyFile, ROOST_ENCRYPTION_KEY "
            + "and encryption.kms, and those before it as encryption.formerKeyFiles.")
      }
      if !file.isEmpty {
        current = .key(try MasterKeyFile.read(settings.place(file)))
      } else if !text.isEmpty {
        guard let key = MasterKeyFile.parse(text) else {
          throw RoostError(
            .invalid, "ROOST_ENCRYPTION_KEY takes a master key, which is 64 hexadecimal digits.")
        }
        current = .key(key)
      } else if hasService {
        current = .service(try KeyManagementService(settings, ambient: ambient))
      } else {
        return nil
      }
    }
  }

  private static func formerFiles(_ settings: Settings) -> [String] {
    settings.text(SettingKeys.encryptionFormerKeyFiles)
      .split(whereSeparator: { $0 == "," || $0 == " " }).map { settings.place(String($0)) }
  }

  /// The ids of the master keys that can be read where the settings name them.
  static func ids(_ settings: Settings) -> [String] {
    let file = settings.text(SettingKeys.encryptionKeyFile)
    let files = (file.isEmpty ? [] : [settings.place(file)]) + formerFiles(settings)
    let keys =
      [MasterKeyFile.parse(settings.text(SettingKeys.encryptionKey))]
      + files.map { try? MasterKeyFile.read($0) }
    return keys.compactMap { $0?.id }
  }

  /// The master key that a service sealed, made with the first start.
  ///
  /// Where another key of the service is named than the one that sealed it, it is sealed anew.
  private static func served(
    by service: KeyManagementService, _ database: any Database, _ ambient: Ambient
  ) async throws -> MasterKey {
    func stored() async throws -> Stored? {
      try await database.read(.statement) { try await EncryptionKeys.stored(in: $0) }
    }
    if try await stored() == nil {
      let (secret, sealed) = try await service.generate()
      guard let key = MasterKey(secret) else { throw unread }
      let now = ambient.time.now()
      try await database.write { transaction in
        if let lock = transaction.dialect.lockOfTables {
          try await transaction.query(lock) { _ in false }
        }
        // The first of several servers makes it.
        _ = try await transaction.execute(
          """
          INSERT INTO roost_master_key (id, sealed, service_key, created_at) \
          SELECT \(SQL.literal(.text(key.id))), \(SQL.literal(.text(sealed))), \
          \(SQL.literal(.text(service.keyID))), \(SQL.constant(now.milliseconds)) \
          WHERE NOT EXISTS (SELECT 1 FROM roost_master_key)
          """)
      }
    }
    guard let row = try await stored() else { throw unread }
    let (secret, key) = try await open(row, service)
    if row.serviceKey != service.keyID {
      let sealed = try await service.seal(secret)
      try await database.write { transaction in
        _ = try await transaction.execute(
          """
          UPDATE roost_master_key SET sealed = \(sealed), service_key = \(service.keyID) \
          WHERE id = \(row.id)
          """)
      }
    }
    return key
  }

  /// A master key as a service sealed it.
  typealias Stored = (id: String, sealed: String, serviceKey: String)

  private static func stored(in reader: any Reader) async throws -> Stored? {
    try await reader.first(
      "SELECT id, sealed, service_key FROM roost_master_key ORDER BY created_at, id LIMIT 1"
    ) { ($0.text(0), $0.text(1), $0.text(2)) }
  }

  private static func open(
    _ row: Stored, _ service: KeyManagementService
  ) async throws -> (secret: [UInt8], key: MasterKey) {
    let secret = try await service.open(row.sealed)
    guard let key = MasterKey(secret), key.id == row.id else { throw unread }
    return (secret, key)
  }

  private static let unread = RoostError(
    .internalError, "The key management service opened something else than the master key.")

  /// Throws where data keys were wrapped by a master key that is not among `masters`.
  private static func check(_ masters: MasterKeys, _ database: any Database) async throws {
    let wrapping = try await database.read(.snapshot) { try await DataKeyTable.masters(in: $0) }
    try check(wrapping, current: masters.current.id) { masters[$0] != nil }
  }

  private static func check(
    _ wrapping: [String], current: String, isKnown: (String) -> Bool
  ) throws {
    let unknown = wrapping.filter { !isKnown($0) }
    guard unknown.isEmpty else {
      throw RoostError(
        .invalid,
        "Encrypted fields were written under the master key \(unknown.joined(separator: ", ")), "
          + "and this one is \(current). Name the former key's file as "
          + "encryption.formerKeyFiles beside it, or put it back.")
    }
  }

  // MARK: Looking

  /// Throws what a start with `schema` would throw for the keys that the settings name, whatever the
  /// data are.
  package static func require(
    for schema: SchemaModel, _ settings: Settings, ambient: Ambient
  ) throws {
    guard try Named(settings, ambient: ambient) == nil else { return }
    for collection in schema.collections {
      guard let field = collection.fields.first(where: \.isSealed) else { continue }
      throw RoostError(
        .invalid, DataKeys.missing(for: "\(collection.typeName).\(field.name)"))
    }
  }

  /// Throws what a start would throw for the master keys of the data; changes nothing.
  ///
  /// What a key management service has yet to make is not asked for. `reader` has Roost's migrations
  /// applied; gives the key that `open` is to be tried with.
  static func rehearse(_ named: Named, in reader: any Reader) async throws -> Stored? {
    let wrapping = try await DataKeyTable.masters(in: reader)
    var known = Set(named.former.map(\.id))
    var sealed: Stored?
    var current = "one that is still to be made"
    switch named.current {
    case .key(let key): current = key.id
    case .service:
      sealed = try await stored(in: reader)
      if let sealed { current = sealed.id }
    }
    known.insert(current)
    try check(wrapping, current: current) { known.contains($0) }
    return sealed
  }

  /// Has the service open what it sealed, as a start would.
  static func tryOpening(_ sealed: Stored, _ named: Named) async throws {
    guard case .service(let service) = named.current else { return }
    _ = try await open(sealed, service)
  }
}

import CPostgres
import Glibc
import Queries
import RoostCore

/// Connects to the server and sets sessions up.
final class ConnectionFactory: Sendable {
  /// What a connection is for.
  enum Purpose {
    case write
    /// Short reads of many callers.
    case shared
    /// One read at a time, of any length.
    case long
  }

  let configuration: PostgresConfiguration
  let ambient: Ambient
  /// What its connections lead to.
  let role: ServerRole
  /// What became of the attempts to connect.
  let reach: ServerReach
  /// Set when statements have no names.
  private let types: ParameterTypes?

  init(
    _ configuration: PostgresConfiguration, _ ambient: Ambient, role: ServerRole = .alone
  ) {
    self.configuration = configuration
    self.ambient = ambient
    self.role = role
    reach = ServerReach(ambient.time)
    types = configuration.preparedStatements ? nil : ParameterTypes()
  }

  /// Connects; throws `PostgresFailure`.
  func connect(_ purpose: Purpose) throws(PostgresFailure) -> Connection {
    let handle = try open()
    var floor: UInt64 = 0
    if role.isStandby {
      do {
        let rows = try ConnectionFactory.query(handle, ServerPlace.bytesOfStandby)
        floor = rows.first?.first.flatMap { UInt64($0) } ?? 0
      } catch {
        PQfinish(handle)
        throw error
      }
    }
    let settings = SessionSettings(configuration, purpose)
    guard types == nil else {
      let connection = Connection(
        handle, types: types, localSettings: settings.statement(isLocal: true))
      connection.floor = floor
      return connection
    }
    do {
      try ConnectionFactory.command(handle, settings.statement(isLocal: false))
    } catch {
      PQfinish(handle)
      throw error
    }
    let connection = Connection(handle)
    connection.floor = floor
    return connection
  }

  /// A handle without a session set up, in libpq's plain mode.
  func open() throws(PostgresFailure) -> OpaquePointer {
    let keywords = [
      "dbname", "fallback_application_name", "client_encoding", "keepalives_idle",
      "keepalives_interval", "keepalives_count",
    ]
    var values = [
      configuration.address.reveal(), configuration.applicationName, "UTF8", "30", "10", "3",
    ]
    var names = keywords
    if ConnectionFactory.value(of: "connect_timeout", in: configuration.address.reveal()) == "" {
      names.append("connect_timeout")
      values.append(String(configuration.connectSeconds))
    }
    guard let handle = ConnectionFactory.start(names, values) else {
      throw PostgresFailure(connection: "libpq has no memory")
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let message = PQerrorMessage(handle).map { String(cString: $0) } ?? ""
      PQfinish(handle)
      throw PostgresFailure(connection: message)
    }
    return handle
  }

  private static func start(_ names: [String], _ values: [String]) -> OpaquePointer? {
    var keywords: [UnsafePointer<CChar>?] = names.map { UnsafePointer(strdup($0)) }
    var contents: [UnsafePointer<CChar>?] = values.map { UnsafePointer(strdup($0)) }
    defer {
      for pointer in keywords + contents { free(UnsafeMutablePointer(mutating: pointer)) }
    }
    keywords.append(nil)
    contents.append(nil)
    return PQconnectdbParams(keywords, contents, 1)
  }

  /// Whether libpq can read an address.
  static func canRead(_ address: String) -> Bool {
    guard let options = PQconninfoParse(address, nil) else { return false }
    PQconninfoFree(options)
    return true
  }

  /// The value that the address gives a keyword, "" for none; nil when libpq cannot read it.
  static func value(of keyword: String, in address: String) -> String? {
    guard let options = PQconninfoParse(address, nil) else { return nil }
    defer { PQconninfoFree(options) }
    var option = options
    while let name = option.pointee.keyword {
      if String(cString: name) == keyword {
        return option.pointee.val.map { String(cString: $0) } ?? ""
      }
      option += 1
    }
    return ""
  }

  static func quoted(_ name: String) -> String { SQL.identifier(name).text }

  /// Runs one statement on a connection of its own and gives its rows, as texts.
  func query(_ text: String, _ values: [String]) throws(PostgresFailure) -> [[String]] {
    let handle = try open()
    defer { PQfinish(handle) }
    return try ConnectionFactory.query(handle, text, values)
  }

  /// Runs `body`, which is given values that fit, so that its errors are the database's.
  static func plain<Result>(_ body: () throws -> Result) throws(PostgresFailure) -> Result {
    do {
      return try body()
    } catch let failure as PostgresFailure {
      throw failure
    } catch {
      throw PostgresFailure(connection: "\(error)")
    }
  }

  /// Runs statements in libpq's plain mode.
  static func command(_ handle: OpaquePointer, _ text: String) throws(PostgresFailure) {
    _ = try query(handle, text)
  }

  /// Runs statements in libpq's plain mode and gives the rows of the last, as texts.
  static func query(
    _ handle: OpaquePointer, _ text: String, _ values: [String] = []
  ) throws(PostgresFailure) -> [[String]] {
    let raw: OpaquePointer?
    if values.isEmpty {
      raw = PQexec(handle, text)
    } else {
      let pointers = values.map { strdup($0) }
      defer { for pointer in pointers { free(pointer) } }
      let parameters: [UnsafePointer<CChar>?] = pointers.map { $0.map { UnsafePointer($0) } }
      raw = PQexecParams(
        handle, text, Int32(clamping: values.count), nil, parameters, nil, nil, 0)
    }
    guard let raw else {
      throw PostgresFailure(
        connection: PQerrorMessage(handle).map { String(cString: $0) } ?? "", sql: text)
    }
    let result = PostgresResult(raw)
    guard result.status == PGRES_COMMAND_OK || result.status == PGRES_TUPLES_OK else {
      throw PostgresFailure(result, sql: text)
    }
    return (0..<PQntuples(raw)).map { row in
      (0..<PQnfields(raw)).map { column in
        PQgetvalue(raw, row, column).map { String(cString: $0) } ?? ""
      }
    }
  }
}

import CPostgres

/// What tells a server and its database from others.
struct StandbyIdentity: Equatable {
  let systemID: String
  let database: String
  let role: String

  private static let question = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text, \
    (SELECT oid FROM pg_database WHERE datname = current_database())::text, \
    current_user::text, pg_is_in_recovery()::text
    """

  /// Asks the server on a handle in libpq's plain mode, and whether it is a standby.
  static func ask(
    _ handle: OpaquePointer
  ) throws(PostgresFailure) -> (identity: StandbyIdentity, isStandby: Bool) {
    let row = try ConnectionFactory.query(handle, question).first ?? []
    guard row.count == 4 else {
      throw PostgresFailure(connection: "the server does not say who it is")
    }
    return (StandbyIdentity(systemID: row[0], database: row[1], role: row[2]), row[3] == "true")
  }

  /// Why a standby cannot stand in for the primary; nil if it can.
  func fault(asCopyOf primary: StandbyIdentity, isStandby: Bool) -> String? {
    if systemID != primary.systemID { return "it is not a copy of the server of database.address" }
    if database != primary.database {
      return "it names another database than database.address"
    }
    // Tables are read under row-level security: to another login they would look empty.
    if role != primary.role { return "it names another login than database.address" }
    return isStandby ? nil : "it is not a standby, since it takes writes itself"
  }
}

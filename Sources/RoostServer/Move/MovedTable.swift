import Queries
import Records
import Schema

/// A table as a move sees it: the columns, those of the key first.
struct MovedTable: Sendable {
  struct Column: Sendable {
    let name: String
    let kind: CellType

    init(_ name: String, _ kind: CellType) {
      self.name = name
      self.kind = kind
    }
  }

  let name: String
  let columns: [Column]
  /// How many of the columns are the key.
  let keyCount: Int
  /// The engine numbers the first column itself.
  let isNumbered: Bool

  init(_ name: String, key: [Column], _ others: [Column], isNumbered: Bool = false) {
    self.name = name
    columns = key + others
    keyCount = key.count
    self.isNumbered = isNumbered
  }

  var identifier: SQL { .identifier(name) }
  var columnList: SQL { columns.map { SQL.identifier($0.name) }.joined(by: ", ") }
  var keyList: SQL { columns.prefix(keyCount).map { SQL.identifier($0.name) }.joined(by: ", ") }

  // MARK: Which there are

  private static func int(_ name: String) -> Column { Column(name, .integer) }
  private static func text(_ name: String) -> Column { Column(name, .text) }
  private static func id(_ name: String) -> Column { Column(name, .id) }
  private static func blob(_ name: String) -> Column { Column(name, .blob) }

  static let streamIndex = "roost_scope_row"
  /// Columns that are of one database, and made anew.
  static let stayingColumns = [streamIndex: ["crowded"]]

  /// Roost's own tables whose rows move.
  static let system: [MovedTable] = [
    MovedTable(
      "roost_collection", key: [int("number")], [text("name"), text("type_name")], isNumbered: true),
    MovedTable(
      "roost_field", key: [int("collection"), int("number")],
      [text("name"), text("type"), int("required")]),
    MovedTable(
      "roost_log", key: [int("partition"), int("position")],
      [
        int("at"), int("collection"), id("id"), int("kind"), int("version"), id("actor"),
        text("mutation"),
      ]),
    MovedTable(
      "roost_scope_head", key: [int("stream")],
      [text("scope"), text("tier"), int("seq"), int("removal_seq"), int("gc_floor")],
      isNumbered: true),
    // In the order of `StreamIndex.movedColumns`.
    MovedTable(
      streamIndex, key: [int("stream"), int("seq")],
      [int("coll"), id("id"), int("rv"), int("mask"), int("kind")]),
    MovedTable("roost_stream_rules", key: [int("collection")], [text("signature")]),
    MovedTable(
      "roost_mask", key: [int("number")], [int("collection"), text("members")], isNumbered: true),
    MovedTable("roost_grant", key: [id("user"), text("scope"), int("by_coll"), id("by_id")], []),
    MovedTable(
      "roost_scope_edge", key: [text("parent"), text("child"), int("by_coll"), id("by_id")], []),
    MovedTable("roost_scope_atom", key: [text("atom"), int("stream")], []),
    MovedTable("roost_stream_mark", key: [int("stream"), int("at")], [int("seq")]),
    MovedTable("roost_stream_purge", key: [int("number")], []),
    MovedTable("roost_sync_epoch", key: [int("one")], [id("epoch"), int("since")]),
    MovedTable(
      "roost_client", key: [id("cid"), text("lane")],
      [
        id("account"), int("last_seq"), blob("last_chain"), text("schema"), int("clock"),
        int("updated"), int("noted_seq"), id("noted_chain"), id("noted_by"), int("durable_seq"),
        id("durable_chain"),
      ]),
    MovedTable(
      "roost_mutation", key: [int("number")],
      [
        id("account"), blob("oid"), id("cid"), text("lane"), int("seq"), blob("chain"),
        text("result"), int("at"),
      ], isNumbered: true),
    MovedTable(
      "roost_conflict", key: [id("id")],
      [
        id("account"), int("coll"), id("row_id"), int("field"), text("base"), text("theirs"),
        text("mine"), blob("oid"), int("state"), int("at"), int("resolved_at"),
        text("resolution"),
      ]),
    MovedTable(
      "roost_device", key: [id("user"), id("id")],
      [
        text("name"), text("platform"), id("cid"), id("session"), int("first_seen"),
        int("last_seen"), int("revoked_at"), text("cursors"), int("is_named"),
      ]),
    MovedTable(
      "roost_sync_gate", key: [id("account")],
      [
        int("eligible_at"), text("answer"), int("answered_at"), int("until"), text("claims"),
        int("leaving"),
      ]),
    MovedTable("roost_follower", key: [text("name"), int("partition")], [int("position")]),
    MovedTable(
      "roost_follower_poison", key: [text("name"), int("partition"), int("position")],
      [
        int("at"), int("collection"), id("id"), int("kind"), int("version"), id("actor"),
        text("reason"), int("attempts"), int("set_aside_at"), int("is_retried"),
      ]),
    MovedTable("roost_collection_count", key: [int("collection")], [int("live")]),
    MovedTable(
      "roost_user", key: [id("id")],
      [
        text("email"), text("password_hash"), int("anonymous"), int("created_at"),
        int("updated_at"), int("deleted_at"),
      ]),
    MovedTable(
      "roost_session", key: [id("id")],
      [
        id("user_id"), blob("refresh_hash"), blob("previous_hash"), int("created_at"),
        int("used_at"), int("revoked_at"), text("address"), text("user_agent"),
      ]),
    MovedTable(
      "roost_key", key: [text("id")],
      [text("purpose"), blob("secret"), int("created_at"), int("retired_at")]),
    MovedTable(
      "roost_role_grant", key: [id("user_id"), text("role")], [id("granted_by"), int("granted_at")]),
    MovedTable(
      "roost_claim", key: [id("user_id"), text("claim")], [id("granted_by"), int("granted_at")]),
    MovedTable("roost_grant_version", key: [int("id")], [int("version")]),
    MovedTable("roost_admin_claim", key: [blob("digest")], [id("user_id"), int("used_at")]),
    MovedTable(
      "roost_schema_version", key: [int("number")],
      [text("version"), int("at"), blob("digest"), text("source")]),
    MovedTable(
      "roost_migration_run", key: [int("number")],
      [
        text("kind"), text("state"), text("schema"), text("steps"), int("begun_at"),
        int("switched_at"), int("ended_at"), text("allowed"), text("log_mark"),
      ], isNumbered: true),
    MovedTable(
      "roost_migration_task", key: [int("run"), int("number")],
      [
        text("kind"), int("collection"), text("argument"), id("after"), int("done"), int("total"),
        int("is_open"),
      ]),
    MovedTable(
      "roost_retired", key: [int("number")],
      [
        int("run"), int("collection"), text("field"), text("name"), text("kept"), text("type"),
        int("is_replaced"), int("at"),
      ], isNumbered: true),
    MovedTable("roost_lens", key: [int("version")], [text("lens")]),
    MovedTable(
      "roost_job", key: [id("id")],
      [
        text("kind"), text("unique_key"), text("payload"), int("priority"), text("state"),
        int("run_after"), int("attempts"), int("lease_token"), text("lease_owner"),
        int("lease_until"), int("cancel_requested"), text("checkpoint"), text("progress"),
        text("error"), int("created_at"), int("ended_at"),
      ]),
    MovedTable(
      "roost_task_runs", key: [id("job"), int("token")],
      [
        text("kind"), int("attempt"), text("owner"), int("started_at"), int("ended_at"),
        text("outcome"), text("message"),
      ]),
    MovedTable(
      "roost_schedule", key: [text("name")], [text("expression"), text("zone"), int("anchor")]),
    MovedTable(
      "roost_schedule_fire", key: [text("schedule"), text("local_time")],
      [int("fired_at"), id("job")]),
    MovedTable(
      "roost_archive", key: [int("collection"), id("id")], [int("archived_at"), text("record")]),
    MovedTable(
      "roost_function_run", key: [id("id")],
      [
        text("function"), text("cause"), id("operation"), int("attempt"), int("started_at"),
        int("milliseconds"), text("outcome"), int("status"), int("bytes"), int("mutations"),
        text("error"),
      ]),
    MovedTable(
      "roost_data_key", key: [text("id")],
      [text("scope"), text("wrapped"), int("state"), int("created_at")]),
    MovedTable(
      "roost_master_key", key: [text("id")],
      [text("sealed"), text("service_key"), int("created_at")]),
    MovedTable("roost_seed", key: [text("file")], [blob("digest")]),
    MovedTable(
      "roost_receipt", key: [text("principal"), text("key")],
      [
        text("route"), blob("fingerprint"), int("created_at"), int("status"), text("headers"),
        blob("body"),
      ]),
  ]

  /// Roost's own tables that stay: what they say is of one engine, or is made anew from the rows.
  ///
  /// `roost_log_head` is written for the part of the log that moves; the tables of searches are filled
  /// by their follower, and those of derived data by a rebuild.
  static let staying: Set<String> = [
    "roost_migration", "roost_index", "roost_log_head", "roost_search", "roost_move",
    "roost_generation", "roost_import", "roost_derived", "roost_derived_part",
    "roost_derived_total", "roost_derived_extreme", "roost_follower_replay", "roost_sync_start",
    "roost_scope_crowd",
  ]

  /// The table of a collection, with the columns that are kept in it.
  static func of(
    _ collection: CompiledCollection, keeping kept: RetiredTable? = nil
  ) -> MovedTable {
    records(
      collection.name,
      collection.columns.map { Column($0.name, $0.kind) }
        + (kept?.columns ?? []).map { Column($0.name, $0.kind) })
  }

  /// The table of a collection that no schema has.
  static func of(_ kept: RetiredTable) -> MovedTable {
    records(kept.name, kept.columns.map { Column($0.name, $0.kind) })
  }

  private static func records(_ name: String, _ columns: [Column]) -> MovedTable {
    MovedTable(
      name, key: [id("id")],
      [int("version"), int("createdAt"), int("updatedAt"), int("deletedAt")] + columns
        + [blob("_clocks")])
  }
}

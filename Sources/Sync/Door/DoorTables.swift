package import Queries

/// The tables of the door.
package enum DoorTables {
  /// The step that makes them, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "starts and devices") { d in
      [
        """
        CREATE TABLE roost_sync_start (
          number \(d.numberedKey), tag \(d.id) NOT NULL, position \(d.integer) NOT NULL,
          at \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_device (
          id \(d.id) NOT NULL, "user" \(d.id) NOT NULL, name \(d.text) NOT NULL,
          platform \(d.text) NOT NULL, cid \(d.id) NOT NULL, session \(d.id),
          first_seen \(d.integer) NOT NULL, last_seen \(d.integer) NOT NULL,
          revoked_at \(d.integer), cursors \(d.text) NOT NULL, PRIMARY KEY (id)
        )\(d.keyed)
        """,
        "CREATE INDEX roost_device_user ON roost_device (\"user\", last_seen)",
      ]
    }
  }

  /// The step by which each account has a row of its own for a device, as number `number` of the
  /// history: whoever knows a device's id could strike it from its owner's list before.
  package static func devicesByAccount(_ number: Int) -> Migration {
    let columns: SQL = """
      "user", id, name, platform, cid, session, first_seen, last_seen, revoked_at, cursors
      """
    return Migration(number, "devices by account") { d in
      [
        """
        CREATE TABLE roost_device_next (
          "user" \(d.id) NOT NULL, id \(d.id) NOT NULL, name \(d.text) NOT NULL,
          platform \(d.text) NOT NULL, cid \(d.id) NOT NULL, session \(d.id),
          first_seen \(d.integer) NOT NULL, last_seen \(d.integer) NOT NULL,
          revoked_at \(d.integer), cursors \(d.text) NOT NULL, PRIMARY KEY ("user", id)
        )\(d.keyed)
        """,
        "INSERT INTO roost_device_next (\(columns)) SELECT \(columns) FROM roost_device",
        "DROP TABLE roost_device",
        "ALTER TABLE roost_device_next RENAME TO roost_device",
        "CREATE INDEX roost_device_user ON roost_device (\"user\", last_seen)",
      ]
    }
  }

  /// The step by which a name that a person gave a device is told from the one that the device says
  /// itself, as number `number` of the history.
  package static func namedDevices(_ number: Int) -> Migration {
    Migration(number, "named devices") { d in
      ["ALTER TABLE roost_device ADD COLUMN is_named \(d.integer) NOT NULL DEFAULT 0"]
    }
  }
}

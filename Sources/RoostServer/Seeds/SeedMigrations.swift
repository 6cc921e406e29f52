package import Queries

/// The table that remembers which seed files were loaded, by what they held.
package enum SeedMigrations {
  /// The step that makes the table, as number `number` of the history.
  package static func migration(_ number: Int) -> Migration {
    Migration(number, "seeds") { d in
      [
        """
        CREATE TABLE roost_seed (
          file \(d.text) NOT NULL PRIMARY KEY, digest \(d.blob) NOT NULL
        )\(d.keyed)
        """
      ]
    }
  }
}

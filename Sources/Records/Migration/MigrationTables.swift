package import Queries
import Schema

extension RecordsMigrations {
  /// The step that makes the tables of the migrations of an app's schema, as number `number` of the
  /// history.
  ///
  /// - `roost_migration_run`: what is or was done, `converting` (nothing of it shows yet), `filling`
  ///   (the new schema holds, and rows are brought in step), `done` or `cancelled`; `schema` is the
  ///   text of the schema that it leads to.
  /// - `roost_migration_task`: the parts of a run that go through the rows of a collection; `after` is
  ///   the last row that was reached.
  /// - `roost_retired`: columns and tables under which is kept what a schema has no longer; without a
  ///   `field` it is a whole collection.
  /// - `roost_generation`: raised when those who know an older schema must not write any more.
  /// - `roost_lens`: for each schema of the history, what stands between it and the one before.
  package static func migrations(_ number: Int) -> Migration {
    Migration(number, "schema migrations") { d in
      [
        """
        CREATE TABLE roost_migration_run (
          number \(d.numberedKey), kind \(d.text) NOT NULL, state \(d.text) NOT NULL,
          schema \(d.text) NOT NULL, steps \(d.text) NOT NULL, begun_at \(d.integer) NOT NULL,
          switched_at \(d.integer), ended_at \(d.integer)
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_migration_task (
          run \(d.integer) NOT NULL, number \(d.integer) NOT NULL, kind \(d.text) NOT NULL,
          collection \(d.integer) NOT NULL, argument \(d.text) NOT NULL, after \(d.id),
          done \(d.integer) NOT NULL, total \(d.integer) NOT NULL, is_open \(d.integer) NOT NULL,
          PRIMARY KEY (run, number)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_retired (
          number \(d.numberedKey), run \(d.integer) NOT NULL, collection \(d.integer) NOT NULL,
          field \(d.text), name \(d.text) NOT NULL, kept \(d.text) NOT NULL, type \(d.text),
          is_replaced \(d.integer) NOT NULL, at \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_generation (
          id \(d.integer) PRIMARY KEY, generation \(d.integer) NOT NULL
        )\(d.numbered)
        """,
        "INSERT INTO roost_generation (id, generation) VALUES (1, 1)",
        """
        CREATE TABLE roost_lens (
          version \(d.integer) PRIMARY KEY, lens \(d.text) NOT NULL
        )\(d.numbered)
        """,
      ]
    }
  }

  /// The step that notes with a run what it may lose and where the log ended when its rows were
  /// looked at, as number `number` of the history.
  package static func migrationMarks(_ number: Int) -> Migration {
    Migration(number, "what migrations may lose") { d in
      [
        "ALTER TABLE roost_migration_run ADD COLUMN allowed \(d.text)",
        "ALTER TABLE roost_migration_run ADD COLUMN log_mark \(d.text)",
      ]
    }
  }
}

/// The names under which is kept what a schema has no longer.
///
/// `$` stands in no name of a schema, so that nothing can collide with them.
enum RetiredName {
  private static let mark = "$retired$"

  static func of(_ name: String, _ number: Int64) -> String {
    // An engine may cut long names, and the mark must survive: the name gives way to it.
    name.utf8.count > 40
      ? "\(name.prefix(20))\(mark)\(number)" : "\(name)\(mark)\(number)"
  }

  static func isOne(_ name: String) -> Bool {
    // Asked of every field at each start; to search a text is far dearer than to see that it lacks
    // the first character of the mark.
    name.utf8.contains(UInt8(ascii: "$")) && name.contains(mark)
  }

  /// The column that takes the converted values of a field until the switch.
  static func shadow(_ field: Int64) -> String { "$next$\(field)" }

  /// The column that takes the values of a field which is new, by its place in its type.
  static func shadow(of field: Field, _ collection: Collection) -> String {
    let place = collection.fields.firstIndex { $0.name == field.name } ?? 0
    return "$next$new$\(place)"
  }
}

package import Queries

extension RecordsMigrations {
  /// The step that makes the tables of derived data and those of followers that were stopped by an
  /// entry or sent back, as number `number` of the history.
  ///
  /// `roost_derived` has a row for each generation of what is derived from one collection for another;
  /// `roost_derived_part` what each row of the source adds and where, `roost_derived_total` the sums
  /// of that, `roost_derived_extreme` the values in their order.
  package static func derived(_ number: Int) -> Migration {
    Migration(number, "derived data") { d in
      [
        """
        CREATE TABLE roost_derived (
          number \(d.numberedKey), definition \(d.text) NOT NULL, target \(d.text) NOT NULL,
          state \(d.integer) NOT NULL, is_check \(d.integer) NOT NULL, after \(d.id),
          done \(d.integer) NOT NULL, differences \(d.integer) NOT NULL,
          began_at \(d.integer) NOT NULL, ended_at \(d.integer)
        )\(d.numbered)
        """,
        """
        CREATE TABLE roost_derived_part (
          source \(d.integer) NOT NULL, id \(d.id) NOT NULL, key \(d.id) NOT NULL,
          held \(d.text) NOT NULL, PRIMARY KEY (source, id)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_derived_total (
          source \(d.integer) NOT NULL, key \(d.id) NOT NULL, count \(d.integer) NOT NULL,
          sums \(d.text) NOT NULL, label \(d.text), PRIMARY KEY (source, key)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_derived_extreme (
          source \(d.integer) NOT NULL, slot \(d.integer) NOT NULL, key \(d.id) NOT NULL,
          value \(d.integer) NOT NULL, id \(d.id) NOT NULL,
          PRIMARY KEY (source, slot, key, value, id)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_follower_poison (
          name \(d.text) NOT NULL, partition \(d.integer) NOT NULL, position \(d.integer) NOT NULL,
          at \(d.integer) NOT NULL, collection \(d.integer) NOT NULL, id \(d.id) NOT NULL,
          kind \(d.integer) NOT NULL, version \(d.integer) NOT NULL, actor \(d.id),
          reason \(d.text) NOT NULL, attempts \(d.integer) NOT NULL,
          set_aside_at \(d.integer) NOT NULL, is_retried \(d.integer) NOT NULL,
          PRIMARY KEY (name, partition, position)
        )\(d.keyed)
        """,
        """
        CREATE TABLE roost_follower_replay (
          name \(d.text) PRIMARY KEY, replays \(d.integer) NOT NULL
        )\(d.keyed)
        """,
      ]
    }
  }
}

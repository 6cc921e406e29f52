import Accounts
import Jobs
import Queries
import Records
import Sync

/// The history of Roost's own tables, in one list: a step is added at its end and never changed.
enum RoostMigrations {
  static let all: [Migration] =
    RecordsMigrations.first + [
      AccountTables.migration(4), SeedMigrations.migration(5), RecordsMigrations.streamRules(6),
      AccountTables.roles(7), ReceiptTable.migration(8), RecordsMigrations.search(9),
      RecordsMigrations.grants(10), MoveMark.migration(11), SchemaHistory.migration(12),
      JobTables.migration(13), RecordsMigrations.archive(14),
      ImportMark.migration(15),
      RecordsMigrations.migrations(16), FunctionRuns.migration(17), RecordsMigrations.derived(18),
      RecordsMigrations.migrationMarks(19),
      SyncTables.migration(20), RecordsMigrations.streams(21), DoorTables.migration(22),
      DurableLanes.migration(23),
      GateTable.migration(24), DataKeyTable.migration(25),
      RecordsMigrations.shortStreamIndex(26), DoorTables.devicesByAccount(27),
      RecordsMigrations.numberedStreamIndex(28), SyncTables.conflictsByRow(29),
      RecordsMigrations.streamIndexMarks(30), DoorTables.namedDevices(31),
      AccountTables.endedSessions(32),
    ]
}

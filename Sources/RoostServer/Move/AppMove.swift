import Accounts
import Queries
import Records
package import RoostCore
package import Schema
import Synchronization

/// Brings an app from the file in its data folder to the server that its settings name.
///
/// Reads are served all the while, from the file; writes are refused with 503. At the end the file
/// says where the app has gone, and is not opened for it any more.
package struct AppMove: Sendable {
  private let schema: SchemaModel
  private let data: String
  private let here: Settings
  private let there: Settings
  private let ambient: Ambient

  /// `here` are the settings without a server, `there` those that name it.
  package init(
    _ schema: SchemaModel, data: String, from here: Settings, to there: Settings, ambient: Ambient
  ) {
    self.schema = schema
    self.data = data
    self.here = here
    self.there = there
    self.ambient = ambient
  }

  /// The name of the place that the app goes to, for people.
  package var place: String { AppDatabase.place(data, there) }

  /// Moves everything; `onServing` gets the port as soon as reads are answered, nil for not serving.
  ///
  /// Throws what opening either database throws, `MoveFault`, and `DatabaseOpenError` with `.foreign`
  /// where the target holds an app already.
  package func run(
    onServing: (@Sendable (Int) -> Void)?, onProgress: @escaping @Sendable (MoveProgress) -> Void
  ) async throws -> MoveReport {
    let freezer = Freezer()
    let app = try await App.open(
      schema, data: data, settings: here, ambient: ambient, over: { freezer.around($0) })
    do {
      try await app.settle()
      freezer.freeze()
      var server: WebServer?
      if let onServing {
        let web = try WebServer(app)
        onServing(try web.start())
        server = web
      }
      let report: MoveReport
      do {
        report = try await move(app, onProgress)
      } catch {
        await server?.drain()
        throw error
      }
      await server?.drain()
      await app.close()
      return report
    } catch {
      await app.close()
      throw error
    }
  }

  private func move(
    _ app: App, _ onProgress: @escaping @Sendable (MoveProgress) -> Void
  ) async throws -> MoveReport {
    let engine = try AppDatabase.open(data, there, ambient: ambient, preCommit: ChangeRecorder())
    let target = engine.database
    do {
      try await Migrator.run(RoostMigrations.all, on: target, time: ambient.time)
      try await checkIsFree(target)
      try await target.write { try await MoveMark.set(.arriving, in: $0) }
      let accounts = AccountStore(
        database: target, ambient: ambient, configuration: App.accountsConfiguration(there),
        roles: AppRoles(names: [], closure: [:]))
      let numbers = Dictionary(
        app.records.catalogue.collections.map { ($0.name, $0.number) }, uniquingKeysWith: { $1 })
      let records = try await RecordStore.open(
        schema, on: target, ambient: ambient, people: accounts, numbers: numbers,
        keys: app.records.catalogue.keys)
      let report = try await MoveJob(
        from: app.engine.database, to: target, records.catalogue, time: ambient.time,
        onProgress: onProgress
      ).run {
        try await app.engine.database.write { try await MoveMark.set(.left(place), in: $0) }
      }
      await target.close()
      return report
    } catch {
      await target.close()
      throw error
    }
  }

  /// Refuses a database in which an app lives, unless it is what an earlier try has left.
  private func checkIsFree(_ target: any Database) async throws {
    let (mark, used) = try await target.read(.snapshot) { reader in
      let mark = try await MoveMark.read(in: reader)
      let used = try await reader.first(
        "SELECT (SELECT count(*) FROM roost_collection) + (SELECT count(*) FROM roost_user)"
      ) { $0.int64(0) }
      return (mark, used ?? 0)
    }
    guard mark != .arriving, used > 0 else { return }
    throw DatabaseOpenError(
      .foreign,
      """
      \(place) holds an app already. Move into a schema of its own (--database-schema NAME), or \
      remove that one first.
      """)
  }

  /// Takes back that the app has gone: the file in the data folder is the app's again.
  ///
  /// Gives false where it had not gone.
  package func cancel() async throws -> Bool {
    let engine = try AppDatabase.open(data, here, ambient: ambient, preCommit: ChangeRecorder())
    let database = engine.database
    do {
      try await Migrator.run(RoostMigrations.all, on: database, time: ambient.time)
      let had = try await database.write { transaction in
        guard try await MoveMark.read(in: transaction) != nil else { return false }
        try await MoveMark.set(nil, in: transaction)
        return true
      }
      await database.close()
      return had
    } catch {
      await database.close()
      throw error
    }
  }
}

/// Holds the database that an app is opened over, until it is frozen.
private final class Freezer: Sendable {
  private let database = Mutex<FrozenDatabase?>(nil)

  func around(_ database: any Database) -> any Database {
    let frozen = FrozenDatabase(database)
    self.database.withLock { $0 = frozen }
    return frozen
  }

  func freeze() { database.withLock { $0 }?.freeze() }
}

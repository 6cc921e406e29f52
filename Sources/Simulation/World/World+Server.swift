import Accounts
import RoostCore
import RoostServer
import SQLiteDriver
import SyncProtocol
import Transport

extension World {
  /// What befalls the server, and what it does by itself.
  func disturbServer() async throws {
    do {
      try await disturbServer(chance.below(10))
    } catch let error as RoostError {
      // A disk that is full or fails says so; who asked comes again.
      note("  it cannot be done now: \(World.text(error))")
    }
  }

  private func disturbServer(_ kind: Int) async throws {
    switch kind {
    case 0:
      try await server.app?.step()
      note("  followers read")
    case 1:
      await server.app?.tidy()
      note("  housekeeping")
    case 2 where weather.has(.serverCrash): try await crash()
    case 3 where weather.has(.serverCrash):
      server.disk.faults.cutAt = server.disk.operations + 1 + chance.below(12)
      note("  power will go")
    case 4 where weather.has(.serverRestore): try await backUpOrRestore()
    case 5 where weather.has(.fullDisk):
      server.disk.faults.isFull.toggle()
      note("  the disk is full: \(server.disk.faults.isFull)")
    case 6 where weather.has(.brokenDisk):
      if chance.once(in: 2) {
        server.disk.faults.failsSync = true
      } else {
        server.disk.faults.failsWrite = true
      }
      note("  the disk will fail once")
    case 7 where weather.has(.roles): try await changeRole()
    case 8 where weather.has(.deploy) && !stage.isRenamed: try await deploy()
    case 9 where weather.has(.direct): try await writeDirectly()
    default: break
    }
  }

  /// Cuts the power and starts again.
  func crash() async throws {
    let sector = chance.once(in: 2) ? 512 : 4096
    var cut = chance.split()
    server.fall(sector: sector) { cut.once(in: 2) }
    note("  the server falls, in sectors of \(sector)")
    do {
      try await server.open()
      try await checkAfterFall()
    } catch {
      // Nothing is wrong with the disk any more, so what it holds is damaged.
      breach(.durability, "after the fall the database cannot be used: \(World.text(error))")
    }
  }

  /// Starts a server again that went down by itself.
  func recover() async throws {
    if server.disk.isDead || server.app != nil {
      try await crash()
    } else {
      // It could not be started; somebody makes room for it.
      server.disk.faults.isFull = false
      try await server.open()
    }
  }

  private func backUpOrRestore() async throws {
    if backups.isEmpty || chance.once(in: 2) {
      if backups.count < 3 {
        backups.append(
          WorldBackup(
            image: server.disk.durable, isDeployed: isDeployed, isRaised: isRaised))
      }
      return note("  the server is backed up")
    }
    guard restores < 2, let backup = chance.pick(backups) else { return }
    restores += 1
    await server.close()
    if server.disk.isDead { server.disk.restart() }
    // Whoever restores takes a disk that works.
    server.disk.faults.heal()
    server.disk.replace(by: backup.image)
    try await reopen(backup)
    note("  the server is put back to a backup")
    try await forgetWhatWasLost()
  }

  private func changeRole() async throws {
    guard let app = server.app else { return }
    let person = server.people[chance.below(Stage.people)].id
    let role = chance.once(in: 2) ? "reader" : "editor"
    do {
      if chance.once(in: 2) {
        try await app.accounts.grantRole(role, to: person, by: nil)
      } else {
        try await app.accounts.withdrawRole(role, from: person, by: nil)
      }
      note("  \(role) changes")
    } catch {
      note("  \(role) does not change: \(World.text(error))")
    }
  }

  /// Deploys the second version of the schema.
  private func deploy() async throws {
    guard !isDeployed else { return }
    // Entries that move with the rules are not in the log: they are told apart by what is around them.
    if server.isUp { try await checkSequences() } else { sequences = nil }
    await server.closeForDeployment()
    isDeployed = true
    note("  the second schema is deployed")
    if server.disk.isDead { server.disk.restart() }
    do {
      try await server.open(stage.second)
      try await bug?.plantLater(in: self)
    } catch {
      note("  it cannot be opened now: \(World.text(error))")
      server.disk.faults = MemoryDisk.Faults()
      try await crash()
    }
    try await checkSequences()
  }

  /// Somebody changes a row over REST.
  private func writeDirectly() async throws {
    let person = server.people[chance.below(Stage.people)]
    let collection = collections[chance.once(in: 2) ? 2 : 3]
    let list = try await server.ask(.get, "/v1/\(collection)?limit=20", token: person.own)
    guard let list, list.status == 200,
      let items = try? JSON.parse(list.body)["items"]?.array, let item = chance.pick(items),
      let id = item["id"]?.string
    else { return }
    let body: JSON =
      collection == "gigs" ? ["title": .string("r\(unique())")] : ["text": .string("r\(unique())")]
    let answer = try await server.ask(
      .patch, "/v1/\(collection)/\(id)", token: person.own, body: Array(body.text.utf8))
    if collection == "gigs", let row = UUID(id) { ledger.touched.insert(row) }
    note("  p changes \(collection) over REST: \(answer?.status ?? 0)")
  }

  static func text(_ error: any Error) -> String {
    (error as? RoostError).map { "\($0.code): \($0.detail)" } ?? "\(error)"
  }
}

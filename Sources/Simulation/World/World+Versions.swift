import Queries
import RoostCore
import RoostServer
import SQLiteDriver
import SyncClient
import SyncProtocol

/// When another major version comes, in a world that has one.
struct VersionPlan {
  /// The step of the deployment.
  let deployment: Int
  /// The step from which the words of the first version are not known any more; nil for none.
  let raise: Int?

  init(_ chance: inout Chance, steps: Int) {
    deployment = 10 + chance.below(steps / 2)
    let step = deployment + 5 + chance.below(steps / 3)
    raise = chance.once(in: 3) ? step : nil
  }
}

/// What the server was put back to, and how far its schema was.
struct WorldBackup {
  let image: MemoryImage
  let isDeployed: Bool
  let isRaised: Bool
}

/// Two major versions of the app, of which devices have one each.
extension World {
  /// Whether what the device says is in the words of the next major version.
  func isNext(_ device: WorldDevice) -> Bool {
    stage.isRenamed && device.live.core.schema != Stage.firstVersion
  }

  /// Whether the device is of a version before the one that is served.
  func isFormer(_ device: WorldDevice) -> Bool {
    stage.isRenamed && isDeployed && !isNext(device)
  }

  /// Whether rows that come to the device have words that it does not know, as they do to one of a
  /// version before the oldest that is served: it waits to be renewed.
  func isBelow(_ device: WorldDevice) -> Bool { isRaised && isFormer(device) }

  /// The collections of devices, as the server calls them now.
  var collections: [String] {
    stage.isRenamed && isDeployed
      ? WorldSchema.synced.map(WorldWords.collection) : WorldSchema.synced
  }

  /// The same in the words of a device.
  func collections(_ device: WorldDevice) -> [String] {
    isNext(device) ? WorldSchema.synced.map(WorldWords.collection) : WorldSchema.synced
  }

  /// What the person of a device may see now, in the words of what it asked; nil where the server
  /// is down, and where it does not know these.
  func view(
    of device: WorldDevice, asking frames: [Frame], _ collections: [String]
  ) async throws -> ServerView? {
    var isFormer = false
    // It may have been renewed since.
    if stage.isRenamed, isDeployed, case .hello(let hello)? = frames.first {
      isFormer = hello.schema == Stage.firstVersion
    }
    if isFormer, isRaised { return nil }
    return try await ServerView.of(
      server.people[device.person].own, on: server, collections,
      version: isFormer ? Stage.firstVersion : nil)
  }

  // MARK: What happens

  /// Deploys the next major version, or ends what is known of the first one, when it is time.
  func renew(at step: Int) async throws {
    guard let versions, server.isUp else { return }
    if !isDeployed {
      if step >= versions.deployment { try await deployRenamed() }
    } else if let raise = versions.raise, !isRaised, step >= raise {
      try await raiseMinimum()
    } else if chance.once(in: 10), let device = chance.pick(devices), device.number > 0 {
      // The first one goes on as it is, as a rule.
      upgrade(device)
    }
  }

  /// Migrates to the next major version, and serves it.
  private func deployRenamed() async throws {
    // Whoever migrates takes a disk that works.
    server.disk.faults.heal()
    try await checkSequences()
    try await server.migrate(to: stage.second)
    isDeployed = true
    note("  the next major version is deployed")
    try await bug?.plantLater(in: self)
    try await checkSequences()
  }

  /// Serves without what the first version was, as a server does that cannot read its schema.
  private func raiseMinimum() async throws {
    server.disk.faults.heal()
    try await forgetFirstVersion()
    isRaised = true
    note("  the first version is not served any more")
  }

  private func forgetFirstVersion() async throws {
    _ = try await server.app?.database.write { transaction in
      try await transaction.execute(
        "UPDATE roost_schema_version SET source = 'unreadable' WHERE version = '1.0.0'")
    }
    await server.close()
    try await server.open()
  }

  /// Brings a server that was put back to `backup` to the version that is served.
  func reopen(_ backup: WorldBackup) async throws {
    guard stage.isRenamed, isDeployed else { return try await server.open() }
    if backup.isDeployed {
      try await server.open()
    } else {
      try await server.migrate(to: stage.second)
      try await bug?.plantLater(in: self)
    }
    if isRaised, !backup.isRaised { try await forgetFirstVersion() }
  }

  /// A newer version of the app comes onto a device.
  func upgrade(_ device: WorldDevice) {
    guard device.live.core.schema == Stage.firstVersion else { return }
    // Some apps bring what waits into their own words, and some leave it as it was made.
    let lifts = stage.isRenamed && chance.once(in: 2)
    device.live.core.upgrade(
      stage.secondPlan, schema: stage.secondVersion, client: newID()
    ) { mutation in
      lifts && mutation.schema == Stage.firstVersion
        ? mutation.operations.map(WorldWords.next) : nil
    }
    device.store()
    device.life += 1
    note("  \(device.name) has the second version of the app\(lifts ? ", and lifts" : "")")
  }

  /// Renews the devices whose words are not served any more.
  func renewThoseBelow() {
    for device in devices where isBelow(device) { upgrade(device) }
  }

  // MARK: What must hold

  /// What everybody sees, in the words of the first version and with what that does not know.
  func inFirstWords(_ views: [ServerView]) -> [ServerView] {
    stage.isRenamed && isDeployed ? views.map { $0.inFirstWords } : views
  }

  /// 17: what the first version shows is what that of now does, but for what it does not know.
  ///
  /// Returns it, by the people; nil where it is not served.
  func checkFormer(_ views: [ServerView]) async throws -> [ServerView]? {
    guard stage.isRenamed, isDeployed, !isRaised else { return nil }
    var formers: [ServerView] = []
    for (person, now) in zip(server.people, views) {
      guard
        let former = try await ServerView.of(
          person.own, on: server, WorldSchema.synced, version: Stage.firstVersion)
      else { throw WorldFault("the server is down at rest") }
      formers.append(former)
      for collection in WorldSchema.synced {
        let known = now.inFirstWords.rows[collection] ?? [:]
        let wanted = known.mapValues { row in
          JSONObject(uniqueMembers: row.members.filter { $0.key != WorldWords.unknown })
        }
        if let found = former.difference(from: wanted, in: collection) {
          breach(.lenses, "in the words of now against those of the first version: \(found)")
        }
      }
    }
    return formers
  }

  /// 17: what was said in the words of a version is understood.
  func checkUnderstood(_ result: MutationResult, of mutation: ClientMutation) {
    // A collection that is not known has no entry in `errors`.
    if result.message?.hasPrefix("The app has no collection") == true {
      breach(.lenses, "\(mutation.oid) of \(mutation.schema): \(result.message ?? "")")
    }
    let codes: Set<String> = ["unknown_field", "dropped_field", "retyped_field"]
    guard let issue = result.issues.first(where: { codes.contains($0.code) }) else { return }
    breach(.lenses, "\(mutation.oid) of \(mutation.schema): \(issue.pointer) \(issue.message)")
  }
}

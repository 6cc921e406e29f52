import Queries
import RoostCore
import RoostServer
import SQLiteDriver
import SyncProtocol

/// A fault that is put into a world to show that an invariant finds it.
///
/// Planted at the seams, so that the product has no switch for it: triggers in the server's database,
/// frames that are rewritten on the way, a disk that lies.
package struct PlantedBug: Sendable {
  package let name: String
  /// The invariant that must find it; nothing else is looked at.
  package let invariant: Invariant
  /// Triggers of the server's database.
  var triggers: [SQL] = []
  /// Triggers that come with the second version of the schema.
  var laterTriggers: [SQL] = []
  /// Triggers that come with another major version.
  var renamedTriggers: [SQL] = []
  var liesAboutSyncs = false
  /// What becomes of an answer on its way; `chance` is the world's.
  var answered: (@Sendable (inout [Frame], inout Chance) -> Void)?
  /// What becomes of a request.
  var asked: (@Sendable (inout [Frame], World) -> Void)?

  init(
    _ name: String, _ invariant: Invariant, triggers: [SQL] = [], laterTriggers: [SQL] = [],
    renamedTriggers: [SQL] = [], liesAboutSyncs: Bool = false,
    answered: (@Sendable (inout [Frame], inout Chance) -> Void)? = nil,
    asked: (@Sendable (inout [Frame], World) -> Void)? = nil
  ) {
    self.name = name
    self.invariant = invariant
    self.triggers = triggers
    self.laterTriggers = laterTriggers
    self.renamedTriggers = renamedTriggers
    self.liesAboutSyncs = liesAboutSyncs
    self.answered = answered
    self.asked = asked
  }

  func plant(in world: World) async throws {
    try await plant(triggers, in: world)
    world.server.disk.faults.liesAboutSyncs = liesAboutSyncs
  }

  /// Plants what belongs to the second version of the schema.
  func plantLater(in world: World) async throws {
    try await plant(laterTriggers + (world.stage.isRenamed ? renamedTriggers : []), in: world)
  }

  private func plant(_ triggers: [SQL], in world: World) async throws {
    guard !triggers.isEmpty, let app = world.server.app else { return }
    try await app.database.write { transaction in
      for trigger in triggers { _ = try await transaction.execute(trigger) }
    }
  }

  func answer(_ frames: [Frame], _ world: World) -> [Frame] {
    guard let answered else { return frames }
    var frames = frames
    answered(&frames, &world.chance)
    return frames
  }

  func request(_ frames: [Frame], _ world: World) -> [Frame] {
    guard let asked else { return frames }
    var frames = frames
    asked(&frames, world)
    return frames
  }
}

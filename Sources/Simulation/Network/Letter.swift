import RoostCore
import SyncProtocol

/// A request on its way.
struct Letter {
  let device: Int
  let life: Int
  let token: String
  var body: [UInt8]
  /// What the body says; nil where something has befallen it on its way.
  var frames: [Frame]?
  /// The device's clock as it went.
  let sent: Int64
  /// The collections of the tiers that it asks for.
  let collections: [String]

  var bringsChanges: Bool {
    (frames ?? []).contains { frame in
      if case .push(let push) = frame { !push.mutations.isEmpty } else { false }
    }
  }
}

/// An answer on its way.
struct Reply {
  let device: Int
  let life: Int
  let status: Int
  var frames: [Frame]
  let sent: Int64
  /// What the person could see at the moment that the answer speaks of, where that was looked up.
  var view: ServerView?
  let collections: [String]
}

package import RoostCore
package import SyncProtocol

/// Whether a device syncs.
package enum ClientState: Sendable, Equatable {
  case syncing
  /// The server does not take changes of this version of the app: it reads and queues on, and
  /// pushes as soon as the server's versions change, or after `upgrade`.
  case paused(upgrade: String)
  /// The device was signed out by its owner: its rows are to be removed, and nothing is asked any
  /// more.
  case revoked
  /// Everything stays local until the person has met a requirement, which these details name.
  case gated(JSONObject)
}

/// What an answer came to.
package enum Outcome: Sendable, Equatable {
  /// The rows are those of one moment of the server.
  case committed
  /// A part is staged: ask again at once.
  case more
  /// The answer was cut off, or is none to what the device holds: ask again.
  case askAgain
  /// The answer is none to the last request, and nothing of it was taken in.
  case stale
  /// Nothing was committed. Come again after `retryAfterSeconds`, where the error has that.
  case ended(SyncError)
}

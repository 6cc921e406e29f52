package import RoostCore

/// Where a job is in its life.
package enum JobState: String, Sendable, CaseIterable {
  /// It will run when its time has come.
  case waiting
  /// A process has a lease on it.
  case running
  case done
  /// It failed for good: its attempts are spent, or it said that another one is of no use.
  case dead
  case cancelled

  /// Whether nothing more happens to it by itself.
  package var isEnd: Bool { self != .waiting && self != .running }
}

/// Which jobs of a kind come first.
package enum JobPriority: Int64, Sendable, CaseIterable {
  case high = 0
  case normal = 1
  case low = 2
}

/// A job as it is put into the queue.
package struct NewJob: Sendable {
  /// The longest payload and the longest checkpoint, in bytes: what is larger belongs in a table.
  package static let payloadBytes = 65_536

  package let kind: String
  package let payload: JSON
  /// Of the jobs of one kind with the same key at most one is not finished.
  package let key: String?
  package let priority: JobPriority
  /// Not before this time; nil for at once.
  package let runAfter: Timestamp?

  package init(
    _ kind: String, _ payload: JSON = .object(JSONObject()), key: String? = nil,
    priority: JobPriority = .normal, runAfter: Timestamp? = nil
  ) {
    self.kind = kind
    self.payload = payload
    self.key = key
    self.priority = priority
    self.runAfter = runAfter
  }
}

/// What putting a job into the queue came to.
package enum Enqueued: Sendable, Equatable {
  case added(UUID)
  /// One of the same kind and key is not finished yet; nothing was added.
  case known(UUID)

  package var id: UUID {
    switch self {
    case .added(let id), .known(let id): id
    }
  }
}

/// A job that a process has a lease on.
package struct LeasedJob: Sendable {
  package let id: UUID
  package let kind: String
  package let key: String?
  package let payload: JSON
  /// Which attempt this is, from 1.
  package let attempt: Int
  /// Raised with each lease: what comes with an older one is refused.
  package let token: Int64
  /// What the last attempt left behind to go on from; nil for none.
  package let checkpoint: JSON?
}

/// The lease on a job was lost: it ended, was cancelled, or another process has it.
///
/// Whatever the transaction did is undone.
package struct LeaseLost: Error, Sendable, CustomStringConvertible {
  package let job: UUID

  package var description: String {
    "the lease on job \(job) is lost: another attempt has it, or it has ended"
  }
}

/// A job as it is shown.
package struct JobListing: Sendable {
  package let id: UUID
  package let kind: String
  package let key: String?
  package let state: JobState
  package let priority: Int64
  package let attempts: Int64
  package let runAfter: Timestamp
  package let createdAt: Timestamp
  package let endedAt: Timestamp?
  package let leaseOwner: String?
  package let leaseUntil: Timestamp?
  package let isCancelRequested: Bool
  package let payload: JSON
  package let progress: JSON?
  package let error: String?

  /// The members that REST and the command line show.
  package var json: JSON {
    var object = JSONObject()
    object["id"] = .string(id.description)
    object["kind"] = .string(kind)
    if let key { object["key"] = .string(key) }
    object["state"] = .string(state.rawValue)
    object["priority"] = .int(priority)
    object["attempts"] = .int(attempts)
    object["createdAt"] = .string(createdAt.description)
    object["runAfter"] = .string(runAfter.description)
    if let endedAt { object["endedAt"] = .string(endedAt.description) }
    if let leaseOwner { object["owner"] = .string(leaseOwner) }
    if let leaseUntil { object["leaseUntil"] = .string(leaseUntil.description) }
    if isCancelRequested { object["cancelRequested"] = .bool(true) }
    object["payload"] = payload
    if let progress { object["progress"] = progress }
    if let error { object["error"] = .string(error) }
    return .object(object)
  }
}

/// One run of a job, as `roost_task_runs` has it.
package struct TaskRun: Sendable {
  package enum Outcome: String, Sendable {
    case done
    /// It threw; it may be tried again.
    case failed
    case cancelled
    /// Its process stopped in good order and gave it back.
    case released
    /// Its process was not heard of until the lease ended.
    case lost
  }

  package let job: UUID
  package let token: Int64
  package let kind: String
  package let attempt: Int64
  package let owner: String
  package let startedAt: Timestamp
  package let endedAt: Timestamp?
  /// Nil while it runs.
  package let outcome: String?
  package let message: String?

  package var json: JSON {
    var object = JSONObject()
    object["job"] = .string(job.description)
    object["kind"] = .string(kind)
    object["attempt"] = .int(attempt)
    object["token"] = .int(token)
    object["owner"] = .string(owner)
    object["startedAt"] = .string(startedAt.description)
    if let endedAt { object["endedAt"] = .string(endedAt.description) }
    if let outcome { object["outcome"] = .string(outcome) }
    if let message { object["message"] = .string(message) }
    return .object(object)
  }
}

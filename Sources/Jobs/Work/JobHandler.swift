/// What is done for the jobs of one kind.
package protocol JobHandler: Sendable {
  /// The kind; it never changes.
  var kind: String { get }
  var limits: JobLimits { get }
  /// How many jobs may run at once now, where that is fewer than the limits allow: with none the lane
  /// rests, and its jobs stay in the queue untouched.
  ///
  /// It is asked at each look for jobs, once a second at least, and does not block.
  var room: Int { get }
  /// Does the job of `context`.
  ///
  /// Effects in the database belong in `context.complete` or `context.save`, which take place once.
  /// Everything else may happen again, and is done so that it does no harm: a process may end at any
  /// moment. Returning completes the job; an error has it tried again, `JobFailure` as it says.
  func run(_ context: JobContext) async throws
}

extension JobHandler {
  package var limits: JobLimits { JobLimits() }
  package var room: Int { limits.concurrency }
}

/// An error by which a handler says what is to become of its job.
package enum JobFailure: Error, Sendable, Equatable {
  /// No further attempt is of use: the job is dead at once.
  case permanent(String)
  /// To be tried again, not before so many seconds.
  case later(String, afterSeconds: Int)
  /// To be tried after so many milliseconds; this attempt does not count, since it was none.
  case postponed(String, afterMilliseconds: Int64)
}

/// Why a handler is to stop: `JobContext.proceed` throws it.
package enum JobInterruption: Error, Sendable, Equatable {
  case cancelled
  /// The process stops; the job goes on in another one, from its checkpoint.
  case stopping
  case leaseLost
  case tookTooLong
}

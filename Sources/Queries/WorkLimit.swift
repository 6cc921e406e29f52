/// How much work queries may be for the database before they are ended.
package struct WorkLimit: Sendable, Hashable {
  /// Milliseconds of a processor that they may take: what other work takes meanwhile is not theirs.
  package let milliseconds: Int
  /// Steps of the engine before which the time is not looked at.
  ///
  /// What is small is answered on a slow machine too. A row that is looked at takes 5 to 50 steps.
  package let freeSteps: Int

  package init(milliseconds: Int, freeSteps: Int = 250_000) {
    self.milliseconds = milliseconds
    self.freeSteps = freeSteps
  }
}

/// The queries of a reader took more than the limit that its body set.
package struct WorkSpent: Error, Sendable {
  package init() {}
}

/// A statement that is longer or deeper than the engine takes.
package struct StatementTooLarge: Error, Sendable {
  /// The engine's error, for the log only.
  package let cause: any Error

  package init(cause: any Error) { self.cause = cause }
}

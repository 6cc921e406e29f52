package import Jobs
package import Records

/// What a server that is built around an app brings along: code that the schema's names are bound
/// to.
package struct AppExtensions: Sendable {
  /// The handlers of actions.
  package var actions = ActionRegistry()
  /// What reads the log beside Roost's own followers.
  package var followers: [@Sendable (RecordStore) throws -> any Follower] = []
  package var jobs: [@Sendable (RecordStore) -> any JobHandler] = []
  /// What is put into the queue by the clock; made when the app is opened, since it may read files.
  package var schedules: @Sendable () throws -> [Schedule] = { [] }

  package init() {}
}

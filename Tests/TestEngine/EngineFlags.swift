import PostgresDriver

extension TestEngine {
  /// The settings, by name, with which an app whose data folder is `folder` runs on the engine.
  package static func flags(_ folder: String) -> [String: String] {
    guard current == .postgres, let configuration = try? PostgresConfiguration.test(folder) else {
      return [:]
    }
    return ["database.schema": configuration.schema]
  }

  /// The environment that goes with `flags`: an address with a password is taken from there alone.
  package static var environment: [String: String] {
    guard current == .postgres, let address = PostgresConfiguration.testAddress else { return [:] }
    return ["ROOST_DATABASE": address]
  }
}

import Queries

/// The settings of a session, as PostgreSQL takes them.
struct SessionSettings {
  private let values: [(name: String, value: String)]

  init(_ configuration: PostgresConfiguration, _ purpose: ConnectionFactory.Purpose) {
    let statement =
      switch purpose {
      case .write: configuration.writeMilliseconds
      case .shared: min(configuration.sharedMilliseconds, configuration.readMilliseconds)
      // The driver itself stops these, and exports never.
      case .long: 0
      }
    var values = [
      ("search_path", SQL.identifier(configuration.schema).text),
      ("statement_timeout", String(max(0, statement))),
      ("lock_timeout", String(max(0, configuration.lockMilliseconds))),
      ("client_min_messages", "error"),
      // What it compiles is rarely worth its time in short queries.
      ("jit", "off"),
      ("standard_conforming_strings", "on"),
      (
        "idle_in_transaction_session_timeout",
        String(max(0, configuration.idleMilliseconds(purpose)))
      ),
    ]
    if purpose != .write { values.append(("default_transaction_read_only", "on")) }
    self.values = values
  }

  /// One statement that sets all, for the session or for the transaction that it runs in.
  func statement(isLocal: Bool) -> String {
    var settings = values
    // A transaction that has begun does not look at the default any more.
    if isLocal, settings.last?.name == "default_transaction_read_only" {
      settings[settings.count - 1].name = "transaction_read_only"
    }
    let calls = settings.map { setting in
      "set_config('\(setting.name)', \(SessionSettings.literal(setting.value)), \(isLocal))"
    }
    // What Roost acknowledges is on the disk; other values than off all promise that.
    let durable = """
      set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, \(isLocal))
      """
    return "SELECT " + (calls + [durable]).joined(separator: ", ")
  }

  private static func literal(_ text: String) -> String {
    var quoted = "'"
    for character in text.unicodeScalars {
      quoted.unicodeScalars.append(character)
      if character == "'" { quoted += "'" }
    }
    return quoted + "'"
  }
}

extension PostgresConfiguration {
  /// How long a transaction of a connection may do nothing; 0 is for ever.
  fileprivate func idleMilliseconds(_ purpose: ConnectionFactory.Purpose) -> Int {
    purpose == .write ? idleTransactionMilliseconds : 0
  }
}

import Accounts
import Jobs

/// One setting: declared once, and from it come the file's key, the environment's name, the flag, the
/// check and the help.
package struct SettingKey: Sendable {
  package enum Kind: Sendable {
    case text
    case choice([String])
    case integer(ClosedRange<Int>)
    case boolean
    /// Where a database server is; may not hold a password but in the environment.
    case address
    /// Where several are; with commas or spaces between them.
    case addresses
    /// When something is done, as cron writes it.
    case schedule
    /// A time zone of which this machine has the data.
    case zone
  }

  /// The key in `roost.yaml`, such as `server.port`.
  package let name: String
  package let kind: Kind
  package let defaultText: String
  package let help: String
  /// The option of the command line, such as `--port`, or nil.
  package let flag: String?

  /// The name in the environment, such as `ROOST_SERVER_PORT`.
  package var environment: String {
    if case .address = kind { return "ROOST_DATABASE" }
    var text = "ROOST_"
    for character in name {
      if character == "." {
        text += "_"
      } else {
        if character.isUppercase { text += "_" }
        text += character.uppercased()
      }
    }
    return text
  }

  /// What the setting takes, in words.
  package var expected: String {
    switch kind {
    case .text: "a text"
    case .choice(let choices): "one of " + choices.joined(separator: ", ")
    case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .boolean: "true or false"
    case .address: "an address such as postgresql://user@host:5432/name"
    case .addresses: "addresses such as postgresql://user@host:5432/name, with commas"
    case .schedule: "a cron expression of five fields, such as \"17 3 * * *\", that is due some day"
    case .zone: "UTC, or a time zone of this machine's tzdata, such as Europe/Berlin"
    }
  }

  /// Whether `text` is a value of the setting.
  package func accepts(_ text: String) -> Bool {
    switch kind {
    case .text: true
    case .choice(let choices): choices.contains(text)
    case .integer(let range): Int(text).map { range.contains($0) } ?? false
    case .boolean: text == "true" || text == "false"
    case .address:
      text.isEmpty || DatabaseAddress.isBegun(text)
    case .addresses: DatabaseAddress.list(text).allSatisfy { DatabaseAddress.isBegun($0) }
    // What has none of its own may be left to none.
    case .schedule:
      text.isEmpty && defaultText.isEmpty || (try? CronExpression(text)) != nil
    case .zone: (try? ZoneFolder.system.zone(text)) != nil
    }
  }

  /// Whether values may hold a password, which then may stand in the environment alone.
  var mayHoldPassword: Bool {
    switch kind {
    case .address, .addresses: true
    case .text, .choice, .integer, .boolean, .schedule, .zone: false
    }
  }
}

/// Every setting of a server.
///
/// Adding one is one line here, and its use.
package enum SettingKeys {
  package static let host = SettingKey(
    name: "server.host", kind: .text, defaultText: "127.0.0.1",
    help: "the address to listen on", flag: "--host")
  package static let port = SettingKey(
    name: "server.port", kind: .integer(0...65535), defaultText: "8080",
    help: "the port to listen on; 0 takes a free one", flag: "--port")
  package static let loops = SettingKey(
    name: "server.loops", kind: .integer(0...256), defaultText: "0",
    help: "event loops; 0 is one for each processor", flag: nil)
  package static let accessLog = SettingKey(
    name: "server.accessLog", kind: .boolean, defaultText: "false",
    help: "log each request", flag: nil)
  package static let drainSeconds = SettingKey(
    name: "server.drainSeconds", kind: .integer(0...3600), defaultText: "10",
    help: "how long a shutdown waits for requests in progress", flag: nil)
  package static let connections = SettingKey(
    name: "server.connections", kind: .integer(1...1_000_000), defaultText: "100000",
    help: "connections open at once", flag: nil)
  package static let bodyBytes = SettingKey(
    name: "server.bodyBytes", kind: .integer(1024...67_108_864), defaultText: "1048576",
    help: "bytes of a request's body", flag: nil)
  package static let logLevel = SettingKey(
    name: "log.level", kind: .choice(["debug", "info", "notice", "warning", "error"]),
    defaultText: "info", help: "the least level that is logged", flag: "--log-level")
  package static let logFormat = SettingKey(
    name: "log.format", kind: .choice(["json", "text"]), defaultText: "json",
    help: "how log lines are written", flag: "--log-format")
  package static let database = SettingKey(
    name: "database.address", kind: .address, defaultText: "",
    help:
      "a PostgreSQL server to keep the data in; without it they are in a file of the data folder",
    flag: "--database")
  package static let databaseSchema = SettingKey(
    name: "database.schema", kind: .text, defaultText: "roost",
    help: "the schema of PostgreSQL that holds the tables", flag: "--database-schema")
  package static let databasePooled = SettingKey(
    name: "database.pooled", kind: .boolean, defaultText: "false",
    help: "a pooler that gives each transaction another connection stands before the server",
    flag: nil)
  package static let databaseWriters = SettingKey(
    name: "database.writers", kind: .integer(1...64), defaultText: "2",
    help: "connections that write to PostgreSQL; more where many processors serve many streams",
    flag: nil)
  package static let databaseReplicas = SettingKey(
    name: "database.replicas", kind: .addresses, defaultText: "",
    help: "streaming standbys of the server that may answer reads, with commas", flag: nil)
  package static let replicaLagMilliseconds = SettingKey(
    name: "database.replicaLagMilliseconds", kind: .integer(200...60_000), defaultText: "1000",
    help: "how far behind a standby may be and still answer", flag: nil)
  package static let databaseReaders = SettingKey(
    name: "database.readers", kind: .text, defaultText: "",
    help: "logins that may read beside Roost what the rules show to whom they name, with commas",
    flag: nil)
  package static let minimumFreeMegabytes = SettingKey(
    name: "database.minimumFreeMegabytes", kind: .integer(0...1_000_000), defaultText: "256",
    help: "free space below which writes are refused with 507", flag: nil)
  package static let listMilliseconds = SettingKey(
    name: "database.listMilliseconds", kind: .integer(0...60_000), defaultText: "75",
    help: "processor time after which a list that no index serves is refused; 0 for no bound",
    flag: nil)
  package static let receiptMegabytes = SettingKey(
    name: "database.receiptMegabytes", kind: .integer(0...1_000_000), defaultText: "256",
    help: "answers kept for the Idempotency-Keys of one account; 0 for no bound", flag: nil)
  package static let authRateLimits = SettingKey(
    name: "auth.rateLimits", kind: .boolean, defaultText: "true",
    help: "limit how often accounts are made and passwords are tried", flag: nil)
  package static let accessTokenMinutes = SettingKey(
    name: "auth.accessTokenMinutes",
    kind: .integer(1...Int(AccountsConfiguration.longestAccessTokenSeconds / 60)),
    defaultText: "10",
    help: "how long an access token is good", flag: nil)

  package static let jobLeaseSeconds = SettingKey(
    name: "jobs.leaseSeconds", kind: .integer(2...3600), defaultText: "30",
    help: "how long a job stays with a process of which nothing is heard", flag: nil)
  package static let retentionSchedule = SettingKey(
    name: "retention.schedule", kind: .schedule, defaultText: "17 3 * * *",
    help: "when @retention is carried out, as cron writes it", flag: nil)
  package static let retentionZone = SettingKey(
    name: "retention.zone", kind: .zone, defaultText: "UTC",
    help: "the time zone of that time", flag: nil)
  package static let functionsLoopback = SettingKey(
    name: "functions.allowLoopback", kind: .boolean, defaultText: "false",
    help: "let functions be called on this machine; for roost dev alone", flag: nil)

  package static let derivedSchedule = SettingKey(
    name: "derived.schedule", kind: .schedule, defaultText: "",
    help: "when derived data are made anew beside being kept, as cron writes it, in UTC", flag: nil)

  package static let all = [
    host, port, loops, accessLog, drainSeconds, connections, bodyBytes, logLevel, logFormat,
    database, databaseSchema, databasePooled, databaseWriters, databaseReplicas,
    replicaLagMilliseconds, databaseReaders, minimumFreeMegabytes, listMilliseconds,
    receiptMegabytes, authRateLimits, accessTokenMinutes, jobLeaseSeconds,
    retentionSchedule, retentionZone, derivedSchedule, functionsLoopback,
  ]
}

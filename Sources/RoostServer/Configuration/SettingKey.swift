import Accounts
import Jobs
import Transport

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
    /// Addresses and ranges of them, with commas.
    case networks
    /// Origins of web pages, with commas.
    case origins
    /// A time zone of which this machine has the data.
    case zone
    /// How often something may happen, such as `600 per minute, burst 100`; empty for no limit.
    case rate
    /// A number from 0 to 1.
    case share
    /// Header fields with what lets one in; stand in the environment alone.
    case headers
    /// A key; stands in the environment alone.
    case secret
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
    case .networks: "addresses or ranges such as 10.0.0.0/8, with commas"
    case .origins: "origins such as https://app.example, with commas, each as browsers write it"
    case .zone: "UTC, or a time zone of this machine's tzdata, such as Europe/Berlin"
    case .rate: "a rate such as \"600 per minute\" or \"600 per minute, burst 100\""
    case .share: "a number from 0 to 1, such as 0.01"
    case .secret: "64 hexadecimal digits"
    case .headers: "fields such as \"authorization=Bearer%20token\", with commas"
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
    case .networks: AddressRanges(text) != nil
    case .origins: CrossOrigin.origins(text) != nil
    // What has none of its own may be left to none.
    case .schedule:
      text.isEmpty && defaultText.isEmpty || (try? CronExpression(text)) != nil
    case .zone: (try? ZoneFolder.system.zone(text)) != nil
    case .rate: text.isEmpty || Rate(text) != nil
    case .share: Double(text).map { $0 >= 0 && $0 <= 1 } ?? false
    case .headers: HeaderList.parse(text) != nil
    case .secret: text.isEmpty || text.utf8.count == 64 && text.allSatisfy(\.isHexDigit)
    }
  }

  /// Whether values may hold a password, which then may stand in the environment alone.
  var mayHoldPassword: Bool {
    switch kind {
    case .address, .addresses, .headers, .secret: true
    case .text, .choice, .integer, .boolean, .schedule, .networks, .origins, .zone, .rate, .share:
      false
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
    help: "event loops; 0 is one for each processor, as far as control groups give it time",
    flag: nil)
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

  package static let backupFolder = SettingKey(
    name: "backups.folder", kind: .text, defaultText: "",
    help: "where backups lie; backups in the data folder where it is left out", flag: nil)
  package static let backupSchedule = SettingKey(
    name: "backups.schedule", kind: .schedule, defaultText: "",
    help: "when backups are made, as cron writes it, in UTC", flag: nil)
  package static let backupKeepDays = SettingKey(
    name: "backups.keepDays", kind: .integer(1...3650), defaultText: "7",
    help: "days after which a backup is removed, if there is a newer one", flag: nil)
  package static let backupKeyFile = SettingKey(
    name: "backups.keyFile", kind: .text, defaultText: "",
    help: "the file of the key that backups are encrypted with; roost backup key makes one",
    flag: nil)
  package static let backupEncrypted = SettingKey(
    name: "backups.encrypted", kind: .boolean, defaultText: "true",
    help: "whether backups are encrypted", flag: nil)

  private static let backups = [
    backupFolder, backupSchedule, backupKeepDays, backupKeyFile, backupEncrypted,
  ]

  // Encrypted fields.
  package static let encryptionKeyFile = SettingKey(
    name: "encryption.keyFile", kind: .text, defaultText: "",
    help: "the file of the master key of encrypted fields; roost key create makes one", flag: nil)
  package static let encryptionFormerKeyFiles = SettingKey(
    name: "encryption.formerKeyFiles", kind: .text, defaultText: "",
    help: "files of master keys before it that still open data keys, with commas", flag: nil)
  package static let encryptionKey = SettingKey(
    name: "encryption.key", kind: .secret, defaultText: "",
    help: "the master key itself, in place of its file; in the environment alone", flag: nil)
  package static let kmsKey = SettingKey(
    name: "encryption.kms.keyId", kind: .text, defaultText: "",
    help: "the key of a key management service (AWS KMS) that seals the master key", flag: nil)
  package static let kmsRegion = SettingKey(
    name: "encryption.kms.region", kind: .text, defaultText: "",
    help: "the region of that service", flag: nil)
  package static let kmsEndpoint = SettingKey(
    name: "encryption.kms.endpoint", kind: .text, defaultText: "",
    help: "where it is, if not at AWS's own address for the region", flag: nil)

  private static let encryption = [
    encryptionKeyFile, encryptionFormerKeyFiles, encryptionKey, kmsKey, kmsRegion, kmsEndpoint,
  ]

  // Observability and overload.
  package static let queueMilliseconds = SettingKey(
    name: "server.queueMilliseconds", kind: .integer(0...60_000), defaultText: "100",
    help: "wait in a queue beyond which requests are answered 503; 0 for no bound", flag: nil)
  package static let slowMilliseconds = SettingKey(
    name: "log.slowMilliseconds", kind: .integer(0...3_600_000), defaultText: "500",
    help: "statements that take longer are logged with their plan; 0 for none", flag: nil)
  package static let tracesEndpoint = SettingKey(
    name: "traces.endpoint", kind: .text, defaultText: "",
    help: "where traces are sent as OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces",
    flag: nil)
  package static let tracesSample = SettingKey(
    name: "traces.sample", kind: .share, defaultText: "0.01",
    help: "the share of requests that are traced where their caller says nothing", flag: nil)
  package static let tracesPerSecond = SettingKey(
    name: "traces.perSecond", kind: .integer(1...100_000), defaultText: "100",
    help: "requests traced in a second at most, whatever callers say", flag: nil)
  package static let tracesService = SettingKey(
    name: "traces.service", kind: .text, defaultText: "roost",
    help: "the name of this service in traces", flag: nil)
  package static let tracesHeaders = SettingKey(
    name: "traces.headers", kind: .headers, defaultText: "",
    help: "header fields for the collector; in the environment alone", flag: nil)
  package static let limitsAddress = SettingKey(
    name: "limits.address", kind: .rate, defaultText: "",
    help: "requests of one network address, such as \"600 per minute\"", flag: nil)
  package static let limitsAccount = SettingKey(
    name: "limits.account", kind: .rate, defaultText: "", help: "requests of one account",
    flag: nil)
  package static let limitsDevice = SettingKey(
    name: "limits.device", kind: .rate, defaultText: "",
    help: "requests of one device, which is one sign-in", flag: nil)

  private static let watching = [
    queueMilliseconds, slowMilliseconds, tracesEndpoint, tracesSample, tracesPerSecond,
    tracesService, tracesHeaders, limitsAddress, limitsAccount, limitsDevice,
  ]

  // The door: TLS, proxies, browsers, bounds of connections.
  package static let tlsCertificates = SettingKey(
    name: "tls.certificates", kind: .text, defaultText: "",
    help: "files with certificate chains in PEM, with commas; the first is for unknown hosts",
    flag: nil)
  package static let tlsKeys = SettingKey(
    name: "tls.keys", kind: .text, defaultText: "",
    help: "the files with their keys, in the same order", flag: nil)
  package static let tlsMinimumVersion = SettingKey(
    name: "tls.minimumVersion", kind: .choice(["1.3", "1.2"]), defaultText: "1.3",
    help: "the oldest version of TLS that is spoken", flag: nil)
  package static let hstsSeconds = SettingKey(
    name: "tls.hstsSeconds", kind: .integer(0...63_072_000), defaultText: "31536000",
    help: "how long browsers shall come over TLS alone; 0 says nothing of it", flag: nil)
  package static let proxies = SettingKey(
    name: "server.proxies", kind: .networks, defaultText: "",
    help: "the proxies that end TLS before the server, and whose word about clients is believed",
    flag: nil)
  package static let forwardedField = SettingKey(
    name: "server.forwardedField", kind: .choice(Forwarding.Field.allCases.map(\.rawValue)),
    defaultText: Forwarding.Field.xForwardedFor.rawValue,
    help: "the field in which those proxies name their clients", flag: nil)
  package static let connectionsPerAddress = SettingKey(
    name: "server.connectionsPerAddress", kind: .integer(0...1_000_000), defaultText: "1000",
    help: "connections open at once from one address beyond this machine; 0 for no bound", flag: nil
  )
  package static let headSeconds = SettingKey(
    name: "server.headSeconds", kind: .integer(1...3600), defaultText: "10",
    help: "how long the head of a request may take to come", flag: nil)
  package static let idleSeconds = SettingKey(
    name: "server.idleSeconds", kind: .integer(1...86_400), defaultText: "75",
    help: "how long a connection may stay open without a request", flag: nil)
  package static let bytesPerSecond = SettingKey(
    name: "server.bytesPerSecond", kind: .integer(0...1_000_000_000), defaultText: "500",
    help: "the least that a client sends of a body, and takes of an answer, a second", flag: nil)
  package static let gzip = SettingKey(
    name: "server.gzip", kind: .boolean, defaultText: "true",
    help: "pack answers for clients that take gzip", flag: nil)
  package static let corsOrigins = SettingKey(
    name: "cors.origins", kind: .origins, defaultText: "",
    help: "origins whose pages may call the server from browsers", flag: nil)
  package static let corsCredentials = SettingKey(
    name: "cors.credentials", kind: .boolean, defaultText: "false",
    help: "let them send cookies and client certificates too", flag: nil)
  package static let corsMaximumAge = SettingKey(
    name: "cors.maxAgeSeconds", kind: .integer(0...86_400), defaultText: "600",
    help: "how long browsers may remember that they were let", flag: nil)

  private static let door = [
    tlsCertificates, tlsKeys, tlsMinimumVersion, hstsSeconds, proxies, forwardedField,
    connectionsPerAddress, headSeconds, idleSeconds, bytesPerSecond, gzip, corsOrigins,
    corsCredentials, corsMaximumAge,
  ]

  package static let all =
    door + backups + encryption + watching + [
      host, port, loops, accessLog, drainSeconds, connections, bodyBytes, logLevel, logFormat,
      database, databaseSchema, databasePooled, databaseWriters, databaseReplicas,
      replicaLagMilliseconds, databaseReaders, minimumFreeMegabytes, listMilliseconds,
      receiptMegabytes, authRateLimits, accessTokenMinutes, jobLeaseSeconds,
      retentionSchedule, retentionZone, derivedSchedule, functionsLoopback,
    ]
}

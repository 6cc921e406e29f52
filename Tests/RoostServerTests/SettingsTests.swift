import RoostServer
import Testing

@Suite struct SettingsTests {
  private func settings(
    _ yaml: String? = nil, _ environment: [String: String] = [:], _ flags: [String: String] = [:]
  ) throws -> Settings {
    try Settings(
      file: yaml.map { ("roost.yaml", Array($0.utf8)) }, environment: environment, flags: flags)
  }

  @Test func flagsWinOverTheEnvironmentOverTheFileOverDefaults() throws {
    #expect(try settings().integer(SettingKeys.port) == 8080)
    let yaml = "server:\n  port: 1\n"
    #expect(try settings(yaml).integer(SettingKeys.port) == 1)
    #expect(try settings(yaml, ["ROOST_SERVER_PORT": "2"]).integer(SettingKeys.port) == 2)
    #expect(
      try settings(yaml, ["ROOST_SERVER_PORT": "2"], ["server.port": "3"])
        .integer(SettingKeys.port) == 3)
  }

  @Test(arguments: [
    ("server:\n  prot: 1\n", "roost.yaml:2:3: unknown setting \"prot\"; did you mean port?"),
    ("sever:\n  port: 1\n", "roost.yaml:1:1: unknown setting \"sever\"; did you mean server?"),
    ("server:\n  port: many\n", "roost.yaml:2:9: server.port takes a whole number"),
    ("server:\n  port: 70000\n", "roost.yaml:2:9: server.port takes a whole number"),
    ("server: 1\n", "roost.yaml:1:9: server holds settings"),
    ("- a\n", "roost.yaml:1:1: expected groups"), ("a: [\n", "roost.yaml:"),
  ]) func aFaultNamesItsPlace(yaml: String, message: String) {
    #expect {
      try settings(yaml)
    } throws: {
      "\($0)".hasPrefix(message)
    }
  }

  @Test func aFaultInTheEnvironmentNamesTheVariable() {
    #expect {
      try settings(nil, ["ROOST_LOG_LEVEL": "loud"])
    } throws: {
      "\($0)".hasPrefix("ROOST_LOG_LEVEL=loud")
    }
  }

  @Test func everySettingHasAValidDefaultAndANameOfItsOwn() {
    for key in SettingKeys.all { #expect(key.accepts(key.defaultText), "\(key.name)") }
    #expect(Set(SettingKeys.all.map(\.environment)).count == SettingKeys.all.count)
  }

  @Test(arguments: [
    ("", []), ("postgresql://a/x", ["postgresql://a/x"]),
    (
      "postgresql://a/x,postgres://b/x postgresql://c/x",
      ["postgresql://a/x", "postgres://b/x", "postgresql://c/x"]
    ),
    // The hosts of one address stay together.
    ("postgresql://a,b:5/x,postgresql://c/x", ["postgresql://a,b:5/x", "postgresql://c/x"]),
    (" postgresql://a/x ,  postgresql://b/x,", ["postgresql://a/x", "postgresql://b/x"]),
  ]) func addressesOfAList(text: String, addresses: [String]) {
    #expect(DatabaseAddress.list(text) == addresses)
    #expect(SettingKeys.databaseReplicas.accepts(text))
  }

  @Test func replicasAreAddressesAndKeepTheirPasswords() throws {
    #expect(SettingKeys.databaseReplicas.environment == "ROOST_DATABASE_REPLICAS")
    #expect(!SettingKeys.databaseReplicas.accepts("db.internal"))
    let secret = "postgresql://a/x,postgresql://u:hidden@b/x"
    #expect {
      try settings("database:\n  replicas: \(secret)\n")
    } throws: {
      "\($0)".contains("ROOST_DATABASE_REPLICAS") && !"\($0)".contains("hidden")
    }
    let given = try settings(nil, ["ROOST_DATABASE_REPLICAS": secret])
    #expect(given.text(SettingKeys.databaseReplicas) == secret)
    #expect {
      try settings(nil, ["ROOST_DATABASE_REPLICAS": "x hidden"])
    } throws: {
      !"\($0)".contains("hidden")
    }
  }

  private static let secret = "postgresql://roost:secret@host/name"

  @Test func `a password is taken from the environment alone`() throws {
    let address = SettingsTests.secret
    let taken = try settings(nil, ["ROOST_DATABASE": address])
    #expect(taken.text(SettingKeys.database) == address)
    let places: [(String?, [String: String], String)] = [
      (nil, ["database.address": address], "--database: leave the password out"),
      ("database:\n  address: \(address)\n", [:], "roost.yaml:2: leave the password out"),
      ("database: \(address)\n", [:], "roost.yaml:1: leave the password out"),
    ]
    for (yaml, flags, message) in places {
      #expect {
        try settings(yaml, [:], flags)
      } throws: { error in
        let text = "\(error)"
        return text.hasPrefix(message) && text.contains("PGPASSWORD") && !text.contains("secret")
      }
    }
  }

  @Test(arguments: ["mysql://roost:secret@host/name", "host=db password=secret", "secret"])
  func `what is no address is refused without being shown`(text: String) {
    for (environment, flags) in [
      (["ROOST_DATABASE": text], [:]), ([:], ["database.address": text]),
    ] as [([String: String], [String: String])] {
      #expect {
        try settings(nil, environment, flags)
      } throws: { error in
        let text = "\(error)"
        return text.contains("postgresql://user@host") && !text.contains("secret")
      }
    }
  }

  @Test func `an address is taken from the flag, the file and its short form`() throws {
    let address = "postgresql://roost@host/name"
    for settings in [
      try settings(nil, [:], ["database.address": address]),
      try settings("database: \(address)\n"),
      try settings("database:\n  address: \(address)\n"),
      try settings("database: postgres://other/name\n", ["ROOST_DATABASE": address]),
    ] {
      #expect(settings.text(SettingKeys.database) == address)
    }
  }
}

import RoostServer
import Schema
import Testing

@Suite("Functions in roost.yaml")
struct FunctionSettingsTests {
  private static let key = "a key that is just a text of 24 bytes"
  private static let schema = """
    enum Role @roles { steward, clerk }
    type Booking @collection @allow(ops: [ALL]) { title: String }
    extend type Mutation { charge(amount: Int!): Boolean! @action }
    """
  private static let good = """
    functions:
      charge:
        url: https://functions.example.org/charge
        secrets: [env:KEY, env:OLD]
        on: action
        timeout: 1500ms
        retries: 3
        public: true
      audit:
        url: https://functions.example.org/audit
        secrets: env:KEY
        on: [bookings.create, bookings.delete]
        roles: [steward]
        concurrency: 9
        signedAnswers: true
      nightly:
        url: https://functions.example.org/nightly
        secrets: env:KEY
        on:
          schedule: "0 3 * * *"
          zone: UTC
    """

  private func settings(
    _ yaml: String, _ environment: [String: String] = ["KEY": key, "OLD": key]
  ) throws -> Settings {
    try Settings(file: ("app/roost.yaml", Array(yaml.utf8)), environment: environment, flags: [:])
  }

  private func book(
    _ yaml: String, development: Bool = false,
    _ environment: [String: String] = ["KEY": key, "OLD": key]
  ) throws -> FunctionBook {
    try FunctionBook(
      try settings(yaml, environment), try SchemaModel.load(source: Self.schema),
      isDevelopment: development)
  }

  @Test("A declaration is read whole")
  func reads() throws {
    let functions = try book(Self.good).functions
    #expect(functions.map(\.name) == ["charge", "audit", "nightly"])
    #expect(functions.map(\.timeoutMilliseconds) == [1500, 10_000, 10_000])
    #expect(functions.map(\.retries) == [3, 8, 8])
    #expect(functions.map(\.concurrency) == [4, 9, 4])
    #expect(functions.map(\.isPublic) == [true, false, false])
    #expect(functions.map(\.requiresSignedAnswers) == [false, true, false])
    #expect(functions[1].roles == ["steward"])
    #expect(
      functions.map(\.occasionText) == [
        "action", "bookings.create, bookings.delete", "schedule \"0 3 * * *\" in UTC",
      ])
    #expect(Set(functions.map(\.jobKind)).count == 3)
  }

  @Test("Without functions there are none")
  func none() throws {
    #expect(try book("server:\n  port: 1\n").functions.isEmpty)
  }

  /// What is put in the place of what, where the fault is found, and its words.
  static let faults: [(String, String, String)] = [
    (
      "  charge:\n    url: https://functions.example.org/charge", "  charge: yes\n  x:\n    url: y",
      "2:11: the function charge holds settings"
    ),
    ("  charge:", "  char-ge:", "2:3: a function's name is made of letters"),
    ("  charge:", "  1charge:", "2:3: a function's name"),
    (
      "retries: 3", "retrys: 3",
      "7:5: unknown setting \"retrys\" of a function; did you mean retries"
    ),
    ("url: https://functions.example.org/charge", "url: functions.example.org", "3:10: url:"),
    (
      "url: https://functions.example.org/charge", "url: https://a:b@example.org/",
      "3:10: url: leave"
    ),
    ("url: https://functions.example.org/charge", "url: [a]", "3:10: url is a text"),
    ("    secrets: [env:KEY, env:OLD]\n", "", "2:3: the function charge needs secrets"),
    ("[env:KEY, env:OLD]", "[]", "4:14: secrets names one key"),
    ("[env:KEY, env:OLD]", "[env:KEY, env:OLD, env:KEY, env:OLD]", "4:14: secrets names one key"),
    ("[env:KEY, env:OLD]", "[env:KEY, whsec_abc]", "4:24: secrets says where a key lies"),
    ("[env:KEY, env:OLD]", "\"env:\"", "4:14: secrets says where a key lies"),
    ("[env:KEY, env:OLD]", "env:MISSING", "4:14: the environment has no variable MISSING"),
    ("[env:KEY, env:OLD]", "file:missing.key", "4:14: app/missing.key"),
    ("    on: action\n", "", "2:3: the function charge needs on"),
    ("on: action", "on: actions", "5:9: on takes action"),
    ("on: action", "on: []", "5:9: on takes action"),
    ("on: action", "on: [bookings]", "5:10: a change is written"),
    ("on: action", "on: [bookings.created]", "5:10: \"created\" is none"),
    ("timeout: 1500ms", "timeout: 90s", "6:14: timeout takes a time from 100ms to 60s"),
    ("timeout: 1500ms", "timeout: 99ms", "6:14: timeout"),
    ("timeout: 1500ms", "timeout: -5s", "6:14: timeout"),
    ("timeout: 1500ms", "timeout: 99999999999999999999s", "6:14: timeout"),
    ("retries: 3", "retries: -1", "7:14: retries takes a whole number from 0 to 20"),
    ("public: true", "public: 1", "8:13: public takes true or false"),
    ("public: true", "roles: [steward]", "8:5: what an action's function returns"),
    ("roles: [steward]", "roles: steward", "13:12: roles is a list"),
    ("roles: [steward]", "roles: [stewart]", "13:13: the schema has no role \"stewart\"; did you"),
    ("roles: [steward]", "public: true", "9:3: public lets people"),
    (
      "bookings.create", "booking.create",
      "12:10: the schema has no collection \"booking\"; did you"
    ),
    ("concurrency: 9", "concurrency: 65", "14:18: concurrency takes"),
    (
      "  charge:", "  charges:",
      "2:3: the schema declares no action \"charges\"; did you mean charge"
    ),
    ("schedule: \"0 3 * * *\"", "schedule: \"0 3 * *\"", "20:17: schedule:"),
    ("schedule: \"0 3 * * *\"", "cron: \"0 3 * * *\"", "20:7: a schedule has schedule and zone"),
    ("      schedule: \"0 3 * * *\"\n", "", "20:7: say when"),
    ("zone: UTC", "zone: Mars/Olympus", "21:13: zone:"),
  ]

  @Test("A fault names its place and what to do", arguments: faults)
  func refuses(_ old: String, _ new: String, _ message: String) throws {
    #expect(Self.good.contains(old))
    let yaml = Self.good.replacing(old, with: new, maxReplacements: 1)
    let failure = #expect(throws: Settings.Failure.self) { try book(yaml) }
    #expect(
      failure?.description.hasPrefix("app/roost.yaml:\(message)") == true,
      "\(failure?.description ?? "")")
  }

  @Test("A key is never in a message, nor in what is printed of the settings")
  func secrecy() throws {
    let failure = #expect(throws: Settings.Failure.self) {
      try book(
        Self.good.replacing("env:OLD", with: "env:SHORT"), ["KEY": Self.key, "SHORT": "tiny"])
    }
    #expect(failure?.description.contains("fewer than 24 bytes") == true)
    #expect(failure?.description.contains("tiny") == false)
    #expect(!"\(try settings(Self.good))".contains(Self.key))
    var text = ""
    dump(try book(Self.good), to: &text)
    #expect(!text.contains(Self.key))
  }

  @Test("Functions follow collections, and no views, whose changes have no one cause")
  func views() throws {
    let schema = try SchemaModel.load(
      source: """
        enum Role @roles { steward, clerk }
        type Booking @collection @allow(ops: [ALL]) { title: String! }
        type TitleCount @view(of: "Booking") @allow(ops: [READ]) {
          title: String! @group(by: "title")
          bookings: Int! @derived(count: true)
        }
        extend type Mutation { charge(amount: Int!): Boolean! @action }
        """)
    let view = try #require(schema.collections.first { $0.view != nil })
    _ = try FunctionBook(try settings(Self.good), schema, isDevelopment: false)
    let yaml = Self.good.replacing("bookings.delete", with: "\(view.name).update")
    let failure = #expect(throws: Settings.Failure.self) {
      try FunctionBook(try settings(yaml), schema, isDevelopment: true)
    }
    #expect(failure?.description.contains("\(view.name) is a view") == true)
  }

  @Test("Loopback and http are for development alone")
  func development() throws {
    let loopback = Self.good.replacing("functions:", with: "functions:\n  allowLoopback: true")
    let plain = Self.good.replacing(
      "https://functions.example.org/charge", with: "http://a.example/")
    #expect(try book(loopback, development: true).allowsLoopback)
    #expect(try !book(Self.good, development: true).allowsLoopback)
    #expect(try book(plain, development: true).functions.count == 3)
    for yaml in [loopback, plain] {
      #expect(throws: Settings.Failure.self) { try book(yaml, development: false) }
      let schema = try SchemaModel.load(source: Self.schema)
      #expect(FunctionBook.refusal(try settings(yaml), schema)?.contains("roost serve") == true)
      #expect(FunctionBook.refusal(try settings(Self.good), schema) == nil)
    }
  }
}

// swift-tools-version: 6.2
import PackageDescription

// The plan of the house: one target is one room, and a target may import only what is listed here.
// `Tests/HouseTests` reads this file and the imports in Sources, and fails on an edge that is missing.

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

/// A room of the house: a library target with the settings that all of them share.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of a room, in `Tests/<Room>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    swiftSettings: settings)
}

/// What several test targets share, in `Tests/<Name>`; no product holds it.
func support(
  _ name: String, _ dependencies: [Target.Dependency], besides: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Tests/" + name, exclude: besides,
    swiftSettings: settings)
}

/// A program that long tests drive, in `Tests/<Name>`; no product of ours.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, path: "Tests/" + name, swiftSettings: settings)
}

let package = Package(
  name: "roost",
  products: [
    .executable(name: "roost", targets: ["RoostProgram"]),
    .library(name: "Roost", targets: ["Roost"]),
  ],
  targets: [
    // System libraries from Debian's packages, and thin shims.
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
    .target(name: "CLinux"),

    // The ground floor.
    room("RoostCore", []),
    room("Cryptography", ["RoostCore", "COpenSSL", "CArgon2"]),
    room("Queries", ["RoostCore"]),
    room("Jobs", ["Queries", "RoostCore"]),
    room("SQLiteDriver", ["Queries", "RoostCore", "CSQLite"]),
    room("PostgresDriver", ["Queries", "RoostCore", "CPostgres"]),
    room("Wire", ["RoostCore"]),
    room("Transport", ["RoostCore"]),
    room("HTTPServer", ["Transport", "Wire", "Cryptography", "RoostCore", "CLinux"]),
    room("HTTPClient", ["RoostCore", "CCurl"]),
    room("Schema", ["RoostCore", "CRE2"]),

    // What servers and clients of sync share.
    room("SyncProtocol", ["Schema", "Cryptography", "RoostCore"]),
    // What a device is made of, without its disk and its network.
    room("SyncClient", ["SyncProtocol", "Schema", "Cryptography", "RoostCore"]),

    // Descriptions of an app, made from its schema.
    room("Generate", ["Schema", "RoostCore"]),

    // Rules, records, people.
    room("Rules", ["Schema", "Queries", "RoostCore"]),
    room(
      "Records",
      ["SyncProtocol", "Rules", "Schema", "Queries", "Cryptography", "RoostCore"]),
    room("Accounts", ["Records", "Queries", "Cryptography", "RoostCore"]),

    // The doors.
    room(
      "REST",
      [
        "Records", "Accounts", "Jobs", "Transport", "Cryptography", "Rules", "Schema", "Queries",
        "RoostCore",
      ]),

    room(
      "Sync",
      [
        "Records", "Accounts", "SyncProtocol", "Transport", "Cryptography", "Rules", "Schema",
        "Queries", "RoostCore",
      ]),

    // The composition root and the command line.
    room(
      "RoostServer",
      [
        "REST", "Sync", "SyncProtocol", "Generate", "Accounts", "Records", "Jobs", "Rules",
        "Schema", "Queries",
        "SQLiteDriver",
        "PostgresDriver", "HTTPServer", "HTTPClient", "Transport", "Cryptography", "RoostCore",
        "CYAML", "CZlib",
      ]),
    // Devices and servers in a world whose time, network and disk are made up.
    room(
      "Simulation",
      [
        "SyncClient", "SyncProtocol", "RoostServer", "REST", "Sync", "Accounts", "Records",
        "Rules", "Schema", "Queries", "SQLiteDriver", "Transport", "Cryptography", "RoostCore",
      ]),
    room(
      "RoostCommand",
      [
        "RoostServer", "Simulation", "Generate", "Accounts", "Records", "Jobs", "Rules", "Schema",
        "Queries",
        "RoostCore",
      ]),
    .executableTarget(
      name: "RoostProgram", dependencies: ["RoostCommand", "RoostServer"], swiftSettings: settings),

    // What servers of other packages are made with: the only public room.
    room(
      "Roost",
      [
        "RoostCommand", "RoostServer", "Records", "Jobs", "Schema", "Queries", "RoostCore",
      ]),

    support("DriverConformance", ["Queries", "RoostCore"]),
    support("TestEngine", ["Queries", "SQLiteDriver", "PostgresDriver", "RoostCore"]),
    // Readers of what strangers send, for libFuzzer.
    support(
      "Fuzzing",
      ["RoostServer", "SyncProtocol", "Rules", "Schema", "Wire", "Cryptography", "RoostCore"],
      besides: ["run.py", "seeds"]),
    // A server with jobs of its own, for the long tests to kill.
    program("JobsWorker", ["RoostServer", "Jobs", "Schema", "Queries", "RoostCore"]),
    // Servers with handlers of their own: one for the tests, and the one that a template writes.
    program("ActionServer", ["Roost"]),
    program("TemplateServer", ["Roost"]),

    tests("RoostCore"),
    tests("Cryptography", ["RoostCore"]),
    tests("Queries", ["RoostCore"]),
    tests("Jobs", ["TestEngine", "Queries", "RoostCore"]),
    tests("SQLiteDriver", ["DriverConformance", "Queries", "RoostCore", "CSQLite"]),
    tests("PostgresDriver", ["DriverConformance", "TestEngine", "Queries", "RoostCore"]),
    tests("Wire", ["RoostCore"]),
    tests("Transport", ["RoostCore"]),
    tests("HTTPServer", ["Transport", "Wire", "RoostCore"]),
    tests("HTTPClient", ["RoostCore"]),
    tests("Schema", ["RoostCore"]),
    tests("SyncProtocol", ["Schema", "Cryptography", "RoostCore"]),
    tests("SyncClient", ["SyncProtocol", "Schema", "Cryptography", "RoostCore"]),
    tests(
      "Simulation",
      ["TestEngine", "SyncClient", "SyncProtocol", "RoostServer", "Schema", "Queries", "RoostCore"]),
    tests("Generate", ["Schema", "RoostCore"]),
    tests("Rules", ["TestEngine", "Schema", "Queries", "SQLiteDriver", "CSQLite", "RoostCore"]),
    tests(
      "Records",
      [
        "TestEngine", "SyncProtocol", "Rules", "Schema", "Cryptography", "Queries", "SQLiteDriver",
        "RoostCore",
      ]),
    tests("Accounts", ["TestEngine", "Cryptography", "Queries", "SQLiteDriver", "RoostCore"]),
    tests(
      "REST",
      [
        "TestEngine", "Accounts", "Records", "Cryptography", "Queries", "SQLiteDriver", "Transport",
        "RoostCore",
      ]),
    tests(
      "Sync",
      ["TestEngine", "Records", "SyncProtocol", "Rules", "Schema", "Queries", "RoostCore"]),
    tests(
      "RoostServer",
      [
        "TestEngine", "REST", "Sync", "Accounts", "Records", "Jobs", "Rules", "Schema", "Queries",
        "SQLiteDriver",
        "PostgresDriver", "HTTPServer", "HTTPClient", "Cryptography", "Transport", "RoostCore",
      ]),
    tests("RoostCommand", ["RoostServer", "Schema", "Records", "RoostCore"]),
    tests("Roost", ["RoostCore"]),
    .testTarget(name: "HouseTests", swiftSettings: settings),
  ],
  cxxLanguageStandard: .cxx17
)

// What libFuzzer, which brings its own `main`, is linked with: see Tests/Fuzzing.
if Context.environment["ROOST_FUZZING"] != nil {
  package.products.append(.library(name: "RoostFuzzing", type: .static, targets: ["Fuzzing"]))
}

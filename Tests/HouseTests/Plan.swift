/// Which room may import which: the architecture as a table.
///
/// A room may also import what the rooms in its row may import, the C libraries excepted: each of
/// those has one importer. `ARCHITECTURE.md` shows the same rows in words.
enum Plan {
  static let mayImport: [String: Set<String>] = [
    "CSQLite": [], "CPostgres": [], "COpenSSL": [], "CArgon2": [], "CYAML": [], "CZlib": [],
    "CCurl": [],
    "CRE2": [], "CLinux": [],
    "RoostCore": [],
    "Cryptography": ["RoostCore", "COpenSSL", "CArgon2"],
    "Queries": ["RoostCore"],
    "Jobs": ["Queries"],
    "SQLiteDriver": ["Queries", "CSQLite"],
    "PostgresDriver": ["Queries", "CPostgres"],
    "Wire": ["RoostCore"],
    "Transport": ["RoostCore"],
    "HTTPServer": ["Transport", "Wire", "Cryptography", "CLinux"],
    "HTTPClient": ["RoostCore", "CCurl"],
    "Schema": ["RoostCore", "CRE2"],
    "SyncProtocol": ["Schema", "Cryptography"],
    "SyncClient": ["SyncProtocol"],
    "Generate": ["Schema"],
    "Rules": ["Schema", "Queries"],
    "Records": ["Rules", "SyncProtocol"],
    "Accounts": ["Records", "Cryptography"],
    "REST": ["Records", "Accounts", "Jobs", "Transport"],
    "Sync": ["Records", "Accounts", "Transport"],
    "RoostServer": [
      "REST", "Sync", "Generate", "SQLiteDriver", "PostgresDriver", "HTTPServer", "HTTPClient",
      "CYAML",
      "CZlib",
    ],
    "Simulation": ["SyncClient", "RoostServer"],
    "RoostCommand": ["Simulation"],
    "RoostProgram": ["RoostCommand"],
    "Roost": ["RoostCommand"],
  ]

  /// Where the engines may be told apart: the drivers, the dialect, the outputs of the compiler,
  /// search, and the opening of an app's database.
  static let knowEngines = [
    "Sources/SQLiteDriver/", "Sources/PostgresDriver/", "Sources/Queries/Dialects/",
    "Sources/Rules/SQL/", "Sources/Records/Search/SearchTable.swift",
    "Sources/Records/Log/StreamIndex+Numbers.swift",
    "Sources/RoostServer/App/AppDatabase.swift", "Sources/RoostServer/App/AppDatabase+Copies.swift",
  ]

  /// Modules of the toolchain that sources may import.
  static let systemModules: Set<String> = ["Glibc", "Synchronization"]
  /// Modules of the toolchain that only tests may import.
  static let testModules: Set<String> = [
    "Testing", "Foundation", "FoundationNetworking", "Dispatch",
  ]

  /// Everything that a room may import: its row, and what the rooms of its row may, without their C
  /// libraries.
  static func closure(of room: String, in table: [String: Set<String>] = mayImport) -> Set<String> {
    var result: Set<String> = []
    var open = Array(table[room, default: []])
    let direct = Set(open)
    while let next = open.popLast() {
      let isForeign = isLibrary(next) && !direct.contains(next)
      if isForeign || !result.insert(next).inserted { continue }
      open += table[next, default: []]
    }
    return result
  }

  /// Whether a target is a system library or a shim, by its name: a C and another capital.
  static func isLibrary(_ target: String) -> Bool {
    target.prefixMatch(of: #/C[A-Z]/#) != nil
  }
}

import Testing

/// Each rule of the house is shown a fault and its faultless neighbour.
@Suite("House rules catch planted faults")
struct PlantedFaultTests {
  static let package = #"""
    // room("Commented", ["Out"])
    func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
      .target(name: name, dependencies: dependencies)
    }
    let package = Package(targets: [
      .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
      .target(name: "CLinux"),
      room("Ground", []),
      room("First", ["Ground", "CYAML"]),
      room(
        "Second",
        [
          "First", "Ground",
        ]),
      .executableTarget(name: "Roof", dependencies: ["Second"], swiftSettings: settings),
      tests("First", ["Ground"]),
      .testTarget(name: "HouseTests", swiftSettings: settings),
    ])
    """#
  static let plan: [String: Set<String>] = [
    "CYAML": [], "CLinux": [], "Ground": [], "First": ["Ground", "CYAML"], "Second": ["First"],
    "Roof": ["Second"],
  ]

  @Test func anEngineIsNamedWhereThatIsTheBusinessOfTheFile() {
    let source = SwiftSource("let isFile = dialect == .sqlite")
    #expect(HouseRules.engineNames(source, path: "Sources/Records/RecordStore.swift").count == 1)
    #expect(HouseRules.engineNames(source, path: "Sources/Queries/Dialects/Dialect.swift") == [])
    let comment = SwiftSource("// as with .sqlite\nlet count = dialect.partitions")
    #expect(HouseRules.engineNames(comment, path: "Sources/Records/RecordStore.swift") == [])
  }

  @Test func manifestIsReadInAllItsForms() {
    let manifest = Manifest(Self.package)
    #expect(
      manifest.targets == [
        "CYAML": [], "CLinux": [], "Ground": [], "First": ["Ground", "CYAML"],
        "Second": ["First", "Ground"], "Roof": ["Second"],
      ])
    #expect(manifest.testTargets == ["FirstTests": ["First", "Ground"], "HouseTests": []])
  }

  @Test func planAcceptsItsOwnEdgesAndWhatFollowsFromThem() {
    #expect(HouseRules.undeclaredPlan(Manifest(Self.package), plan: Self.plan) == [])
  }

  @Test(arguments: [
    (#"room("Ground", [])"#, #"room("Ground", ["First"])"#, "Ground may not depend on First"),
    (
      #""First", "Ground","#, #""First", "Ground", "CYAML","#, "Second may not depend on CYAML"
    ),
    (
      #"room("Ground", []),"#, #"room("Ground", []), room("Shed", []),"#,
      "Shed is in Package.swift and not in the plan"
    ),
    (#".target(name: "CLinux"),"#, "", "CLinux is in the plan and not in Package.swift"),
  ])
  func edgeThatThePlanDoesNotAllowIsFound(original: String, planted: String, offence: String) {
    let text = Self.package.replacing(original, with: planted)
    #expect(HouseRules.undeclaredPlan(Manifest(text), plan: Self.plan) == [offence])
  }

  @Test(arguments: [
    ("import Rules", true), ("package import Rules", true), ("@testable import Rules", true),
    ("@preconcurrency internal import Rules", true), ("import struct Rules.Filter", true),
    ("#if os(Linux)\n  import Rules\n#endif", true), ("import Foundation", true),
    ("import Glibc", false), ("import Queries", false), ("package import Queries", false),
    ("// import Rules", false), ("/* import Rules */\n", false), ("/*\nimport Rules\n*/", false),
    ("let text = \"\"\"\nimport Rules\n\"\"\"", false), ("let x = 1 // import Rules", false),
  ])
  func importThatIsNotDeclaredIsFound(text: String, isFault: Bool) {
    let offences = HouseRules.undeclaredImports(
      SwiftSource(text), target: "Wire", declared: ["Queries"], system: Plan.systemModules)
    #expect(offences.isEmpty != isFault)
  }

  @Test(arguments: [(600, false), (601, true)])
  func fileBeyondTheLimitIsFound(lines: Int, isFault: Bool) {
    let source = SwiftSource(String(repeating: "let a = 1\n", count: lines))
    #expect(HouseRules.tooLong(source, path: "A.swift").isEmpty != isFault)
  }

  @Test(arguments: [
    (["A/Row.swift", "A/row.swift"], true), (["Wire/A.swift", "wire/B.swift"], true),
    (["A/Row.swift", "B/row.swift"], false), (["A/Row.swift", "A/Rows.swift"], false),
  ])
  func pathsThatDifferOnlyByCaseAreFound(paths: [String], isFault: Bool) {
    #expect(HouseRules.caseTwins(paths).isEmpty != isFault)
  }

  @Test(arguments: [
    ("Sources/Wire/Utils.swift", true), ("Sources/Common/Row.swift", true),
    ("Sources/Wire/TokenManager.swift", true), ("Sources/Wire/String+Helpers.swift", true),
    ("Sources/Wire/Commons.swift", false), ("Sources/Wire/Managerial.swift", false),
    ("Sources/Wire/Row.swift", false),
  ])
  func fileNameThatSaysNothingIsFound(path: String, isFault: Bool) {
    #expect(HouseRules.emptyNames(paths: [path]).isEmpty != isFault)
  }

  @Test(arguments: [
    ("struct SessionManager {}", true), ("enum Utils {}", true),
    ("package final class HTTPHelper: Sendable {}", true), ("typealias CommonRow = Row", true),
    ("struct Session {}", false), ("let manager = 1", false), ("// class Helper", false),
  ])
  func typeNameThatSaysNothingIsFound(text: String, isFault: Bool) {
    #expect(HouseRules.emptyNames(SwiftSource(text), path: "A.swift").isEmpty != isFault)
  }

  @Test(arguments: [("enum Wire {}", true), ("enum Wires {}", false), ("let Wire = 1", false)])
  func typeNamedForItsModuleIsFound(text: String, isFault: Bool) {
    let offences = HouseRules.moduleNamesake(SwiftSource(text), target: "Wire", path: "A.swift")
    #expect(offences.isEmpty != isFault)
  }

  static let page = """
    | target | is | may import |
    |---|---|---|
    | `CYAML` `CLinux` | libraries | – |
    | `Ground` | the ground | – |
    | `First` | a room | `Ground`, `CYAML` |
    | `Second` | a room | `First` |
    | `Roof` | the top | `Second` |
    """

  @Test func pageThatSaysWhatPackageSaysIsAccepted() {
    #expect(HouseRules.stalePage(Self.page, manifest: Manifest(Self.package)) == [])
  }

  @Test(arguments: [
    ("| `Second` | a room | `First` |", "| `Second` | a room | `Ground` |", "does not let Second"),
    ("| `Ground` | the ground | – |", "| `Ground` | the ground | `First` |", "lets Ground import"),
    ("| `Roof` | the top | `Second` |", "", "no row for Roof"),
    ("| `Roof` |", "| `Cellar` | deep | – |\n| `Roof` |", "Cellar, which is no target"),
  ])
  func stalePageIsFound(original: String, planted: String, offence: String) {
    let offences = HouseRules.stalePage(
      Self.page.replacing(original, with: planted), manifest: Manifest(Self.package))
    #expect(offences.contains { $0.contains(offence) })
  }
}

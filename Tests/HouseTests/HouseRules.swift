/// The rules of the house as functions from text to offences, so that each can be shown a fault.
enum HouseRules {
  /// Edges of Package.swift that the plan does not allow, and targets that it does not know.
  static func undeclaredPlan(_ manifest: Manifest, plan: [String: Set<String>]) -> [String] {
    var offences: [String] = []
    for (target, dependencies) in manifest.targets {
      if plan[target] == nil {
        offences.append("\(target) is in Package.swift and not in the plan")
        continue
      }
      let allowed = Plan.closure(of: target, in: plan)
      for dependency in dependencies.subtracting(allowed) {
        offences.append("\(target) may not depend on \(dependency)")
      }
    }
    for target in plan.keys where manifest.targets[target] == nil {
      offences.append("\(target) is in the plan and not in Package.swift")
    }
    return offences.sorted()
  }

  /// Imports of one file that its target does not declare.
  static func undeclaredImports(
    _ source: SwiftSource, target: String, declared: Set<String>, system: Set<String>
  ) -> [String] {
    source.imports.subtracting(declared).subtracting(system).subtracting([target]).sorted()
      .map { "\(target) imports \($0), which Package.swift does not declare for it" }
  }

  /// Places that ask which engine it is, outside of those whose business it is.
  static func engineNames(_ source: SwiftSource, path: String) -> [String] {
    guard !Plan.knowEngines.contains(where: { path.hasPrefix($0) }) else { return [] }
    let names = [".sqlite", ".postgres", "SQLiteDatabase", "PostgresDatabase"]
    return names.filter { source.withoutComments.contains($0) }
      .map { "\(path) names \($0): ask the dialect for what it spells" }
  }

  /// A file longer than the house allows.
  static func tooLong(_ source: SwiftSource, path: String, limit: Int = 600) -> [String] {
    source.lineCount > limit ? ["\(path) has \(source.lineCount) lines; split it by noun"] : []
  }

  /// Paths that a disk which folds case would mix up.
  static func caseTwins(_ paths: [String]) -> [String] {
    // Folders count too: `Wire/a` and `wire/b` would become one folder.
    var spellings: [String: Set<String>] = [:]
    for path in paths {
      var prefix = ""
      for part in path.split(separator: "/") {
        prefix += (prefix.isEmpty ? "" : "/") + part
        spellings[prefix.lowercased(), default: []].insert(prefix)
      }
    }
    return spellings.values.filter { $0.count > 1 }
      .map { "differ only by case: " + $0.sorted().joined(separator: ", ") }.sorted()
  }

  /// Names that say nothing: of files and folders.
  static func emptyNames(paths: [String]) -> [String] {
    paths.filter { path in
      path.split(separator: "/").contains { isEmptyName(String($0.prefix { $0 != "." })) }
    }.map { "\($0): name it for what it holds" }
  }

  /// Names that say nothing: of types.
  static func emptyNames(_ source: SwiftSource, path: String) -> [String] {
    source.declaredTypes.filter(isEmptyName).sorted()
      .map { "\(path): \($0) says nothing; name it for what it is" }
  }

  /// A type with the name of its module, which makes the module's other names unreachable.
  static func moduleNamesake(_ source: SwiftSource, target: String, path: String) -> [String] {
    source.declaredTypes.contains(target) ? ["\(path): a type has the name of its module"] : []
  }

  /// Rows of the architecture page that do not say what Package.swift says.
  static func stalePage(_ page: String, manifest: Manifest) -> [String] {
    var rows: [String: Set<String>] = [:]
    for line in page.split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      guard cells.count == 5 else { continue }
      let targets = names(in: cells[1])
      let imports = names(in: cells[3])
      for target in targets { rows[target] = imports }
    }
    var offences: [String] = []
    for (target, dependencies) in manifest.targets {
      guard let row = rows[target] else {
        offences.append("ARCHITECTURE.md has no row for \(target)")
        continue
      }
      // The page names direct rows only; what follows from them is left out there.
      let implied = Plan.closure(of: target, in: rows.mapValues { $0 })
      for name in dependencies.subtracting(implied) {
        offences.append("ARCHITECTURE.md does not let \(target) import \(name); Package.swift does")
      }
      for name in row.subtracting(dependencies) {
        offences.append("ARCHITECTURE.md lets \(target) import \(name); Package.swift does not")
      }
    }
    for target in rows.keys where manifest.targets[target] == nil {
      offences.append("ARCHITECTURE.md has a row for \(target), which is no target")
    }
    return offences.sorted()
  }

  private static func names(in cell: Substring) -> Set<String> {
    Set(cell.matches(of: #/`([A-Za-z0-9]+)`/#).map { String($0.output.1) })
  }

  private static func isEmptyName(_ name: String) -> Bool {
    let words = name.matches(of: #/[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+/#).map { $0.output.lowercased() }
    let empty: Set = [
      "util", "utils", "utility", "utilities", "helper", "helpers", "manager", "common",
    ]
    return words.contains { empty.contains($0) }
  }
}

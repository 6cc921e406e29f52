/// What the house rules need to know of Package.swift: its targets and what each may import.
struct Manifest {
  /// The targets of Sources and what each declares; system libraries and shims declare nothing.
  var targets: [String: Set<String>] = [:]
  /// The test targets, such as `WireTests`, and what they share, with what each declares.
  var testTargets: [String: Set<String>] = [:]

  /// Reads the text of Package.swift, in the forms that ours uses.
  ///
  /// Those are `room("Name", […])`, and `tests`, `support` and `program` alike, and SwiftPM's own `.target(name: "Name",
  /// dependencies: […])` with its siblings.
  init(_ text: String) {
    let source = SwiftSource(text).withoutComments
    for call in Manifest.calls(in: source) {
      guard let name = call.name else { continue }
      switch call.function {
      case "room", ".target", ".executableTarget", ".systemLibrary":
        targets[name] = call.dependencies
      case "tests": testTargets[name + "Tests"] = call.dependencies.union([name])
      case ".testTarget", "support", "program": testTargets[name] = call.dependencies
      default: continue
      }
    }
  }

  private struct Call {
    let function: String
    let name: String?
    let dependencies: Set<String>
  }

  private static func calls(in source: String) -> [Call] {
    let pattern =
      #/(func )?(room|tests|support|program|\.target|\.executableTarget|\.systemLibrary|\.testTarget)\(/#
    return source.matches(of: pattern).compactMap { match in
      guard match.output.1 == nil else { return nil }
      let arguments = balanced(source[match.range.upperBound...])
      let function = String(match.output.2)
      // `room(name, …)` inside the functions themselves has no literal name.
      let first = arguments.firstMatch(of: #/^\s*(name:\s*)?"([A-Za-z0-9]+)"/#)
      let rest = first.map { arguments[$0.range.upperBound...] } ?? arguments[...]
      let list = rest.firstMatch(of: #/\[([^\]]*)\]/#).map { String($0.output.1) } ?? ""
      let named =
        rest.contains("dependencies:")
        || ["room", "tests", "support", "program"].contains(function)
      return Call(
        function: function, name: first.map { String($0.output.2) },
        dependencies: named && function != ".systemLibrary" ? strings(in: list) : [])
    }
  }

  /// The text up to the bracket that closes the one before it.
  private static func balanced(_ text: Substring) -> String {
    var depth = 1
    var result = ""
    for character in text {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if depth == 0 { break }
      result.append(character)
    }
    return result
  }

  private static func strings(in text: String) -> Set<String> {
    Set(text.matches(of: #/"([A-Za-z0-9]+)"/#).map { String($0.output.1) })
  }
}

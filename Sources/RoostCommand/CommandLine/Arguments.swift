import Schema

/// The words of a command line, sorted into options and operands.
struct Arguments: Sendable {
  /// Why a command line cannot be understood.
  struct Failure: Error, Sendable, CustomStringConvertible {
    let description: String
  }

  private(set) var operands: [String] = []
  private var values: [String: String] = [:]

  /// Sorts `words` by the `options` that a command declares: `--name value`, `--name=value`, and `--`
  /// before operands that begin with a dash.
  init(_ words: [String], _ options: [Option]) throws(Failure) {
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" {
        operands += words[index...]
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let name = String(word.prefix { $0 != "=" })
      guard let option = options.first(where: { $0.name == name }) else {
        throw Arguments.unknown(name, options)
      }
      guard values[name] == nil else { throw Failure(description: "\(name) is given twice") }
      if let placeholder = option.value {
        if word.contains("=") {
          values[name] = String(word.dropFirst(name.count + 1))
        } else if index < words.count {
          values[name] = words[index]
          index += 1
        } else {
          throw Failure(description: "\(name) needs a value: \(name) \(placeholder)")
        }
      } else {
        guard !word.contains("=") else {
          throw Failure(description: "\(name) takes no value")
        }
        values[name] = ""
      }
    }
  }

  subscript(option: String) -> String? { values[option] }

  func has(_ option: String) -> Bool { values[option] != nil }

  private static func unknown(_ name: String, _ options: [Option]) -> Failure {
    let hint =
      Schema.nearest(name, among: options.map(\.name)).map { "; did you mean \($0)?" } ?? ""
    return Failure(description: "unknown option \(name)\(hint)")
  }
}

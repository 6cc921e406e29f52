/// One option of a command: declared once, and from it come the parsing and the help.
struct Option: Sendable {
  /// With its dashes, such as `--port`.
  let name: String
  /// What stands behind it, such as `P`; nil for one that is only given or not.
  let value: String?
  let help: String

  init(_ name: String, _ value: String? = nil, _ help: String) {
    self.name = name
    self.value = value
    self.help = help
  }
}

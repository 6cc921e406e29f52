import RoostServer

/// The texts of `--help`.
enum Help {
  static var all: [String] {
    var lines = [
      "roost \(ProgramVersion.current): the backend of an offline-first app, from one schema file",
      "",
      "Usage: roost COMMAND [OPTIONS]", "", "Commands:",
    ]
    for command in Commands.all {
      lines.append("  " + pad(command.name, 10) + command.summary)
    }
    return lines + ["", "roost COMMAND --help tells more about one."]
  }

  static func of(_ command: any Command) -> [String] {
    var lines = [
      command.summary, "",
      "Usage: roost \(command.name)"
        + (command.operands.isEmpty ? "" : " " + command.operands)
        + (command.options.isEmpty ? "" : " [OPTIONS]"),
    ]
    if !command.options.isEmpty {
      lines += ["", "Options:"]
      for option in command.options {
        let name = option.name + (option.value.map { " " + $0 } ?? "")
        lines.append("  " + pad(name, 24) + option.help)
      }
    }
    if !command.discussion.isEmpty { lines += ["", command.discussion] }
    return lines
  }

  /// The settings that a server reads, for the help of the commands that start one.
  static var settings: String {
    var lines = [
      "Settings come from flags, then the environment, then DIR/roost.yaml, then these defaults:"
    ]
    for key in SettingKeys.all {
      lines.append("  " + pad("\(key.name): \(key.defaultText)", 36) + key.help)
      lines.append("  " + pad("", 36) + key.environment)
    }
    return lines.joined(separator: "\n")
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(2, width - text.count))
  }
}

import Glibc
import RoostCore
import RoostServer

/// What commands take from the process: its environment, and a log as the settings ask for it.
enum Surroundings {
  /// All variables: a function's key may lie in any of them.
  static var environment: [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let pointer = entry.pointee {
      let text = String(cString: pointer)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      entry += 1
    }
    return variables
  }

  static func ambient(_ settings: Settings) -> Ambient {
    let level = LogLevel(name: settings.text(SettingKeys.logLevel)) ?? .info
    let format = Logger.Format(rawValue: settings.text(SettingKeys.logFormat)) ?? .json
    return Ambient(logger: Logger(level: level, format: format))
  }

  /// Allows as many open files as the system lets this process have: each connection is one.
  static func raiseFileLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  static var isErrorTerminal: Bool { isatty(2) == 1 }
}

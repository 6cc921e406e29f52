package import RoostCore
import Schema

/// The settings of a server: flags over the environment over `roost.yaml` over defaults.
package struct Settings: Sendable {
  /// Why the settings cannot be used: file, line and column where there are such, and what to do.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String
  }

  private let values: [String: String]
  /// The folder of `roost.yaml`, from which the paths in it go; nil where there is no such file.
  let folder: String?
  /// The functions of `roost.yaml`, in its order.
  package let functions: [FunctionSetting]
  /// What the file says of measures, the gate, tiers and features; nil where it says nothing.
  package let eligibility: EligibilitySetting?

  /// Reads and checks all settings.
  ///
  /// - Parameters:
  ///   - file: the bytes of `roost.yaml` and its path for messages, or nil where there is none.
  ///   - environment: the environment's variables.
  ///   - flags: values given on the command line, by the setting's name.
  /// - Throws: `Failure` with the file, line and column, or the name of the variable or flag.
  package init(
    file: (path: String, bytes: [UInt8])?, environment: [String: String],
    flags: [String: String]
  ) throws(Failure) {
    var values: [String: String] = [:]
    for key in SettingKeys.all { values[key.name] = key.defaultText }
    var functions: [FunctionSetting] = []
    var eligibility: EligibilitySetting?
    folder = file.flatMap { file in
      file.path.lastIndex(of: "/").map { String(file.path[..<$0]) }
    }
    if let file {
      let read = try Settings.read(file.path, file.bytes, environment, &functions, &eligibility)
      for (name, text) in read { values[name] = text }
    }
    self.functions = functions
    self.eligibility = eligibility
    for key in SettingKeys.all {
      guard let text = environment[key.environment] else { continue }
      guard key.accepts(text) else {
        throw Failure(
          description:
            "\(key.environment)\(Settings.shown(text, key, "=")): \(key.name) takes \(key.expected)"
        )
      }
      values[key.name] = text
    }
    for key in SettingKeys.all {
      guard let text = flags[key.name] else { continue }
      guard key.accepts(text) else {
        let flag = key.flag ?? key.name
        throw Failure(
          description: "\(flag)\(Settings.shown(text, key, " ")): takes \(key.expected)")
      }
      try Settings.refusePassword(
        text, key, key.flag ?? key.name,
        "others on this machine can read it in the list of processes")
      values[key.name] = text
    }
    self.values = values
  }

  /// The text of a refused value, unless it may hold a password.
  private static func shown(_ text: String, _ key: SettingKey, _ separator: String) -> String {
    key.mayHoldPassword ? "" : separator + text
  }

  private static func refusePassword(
    _ text: String, _ key: SettingKey, _ place: String, _ reason: String
  ) throws(Failure) {
    switch key.kind {
    case .headers, .secret:
      guard !text.isEmpty else { return }
      throw Failure(
        description: "\(place): leave \(key.name) out, since \(reason). Give it in "
          + "\(key.environment).")
    default: break
    }
    guard key.mayHoldPassword,
      DatabaseAddress.list(text).contains(where: { DatabaseAddress($0).hasPassword })
    else { return }
    throw Failure(
      description: """
        \(place): leave the password out of the address, since \(reason). Give it in PGPASSWORD or \
        \(key.environment), in ~/.pgpass, or in a file named by passfile=FILE in the address.
        """)
  }

  /// Where a path of `roost.yaml` leads: one that is not absolute goes from the file's folder.
  func place(_ path: String) -> String {
    path.hasPrefix("/") ? path : folder.map { $0 + "/" + path } ?? path
  }

  package func text(_ key: SettingKey) -> String { values[key.name] ?? key.defaultText }
  /// The number of an integer setting; its text was checked when it was read.
  package func integer(_ key: SettingKey) -> Int { Int(text(key)) ?? 0 }
  package func boolean(_ key: SettingKey) -> Bool { text(key) == "true" }

  /// The bounds of the server, from the settings.
  package var limits: Limits {
    var limits = Limits()
    limits.drainSeconds = integer(SettingKeys.drainSeconds)
    limits.connections = integer(SettingKeys.connections)
    limits.bodyBytes = integer(SettingKeys.bodyBytes)
    limits.connectionsPerAddress = integer(SettingKeys.connectionsPerAddress)
    limits.headSeconds = integer(SettingKeys.headSeconds)
    limits.idleSeconds = integer(SettingKeys.idleSeconds)
    limits.bodyBytesPerSecond = integer(SettingKeys.bytesPerSecond)
    return limits
  }

  /// The settings of a file, by name, each checked.
  private static func read(
    _ path: String, _ bytes: [UInt8], _ environment: [String: String],
    _ functions: inout [FunctionSetting], _ eligibility: inout EligibilitySetting?
  ) throws(Failure) -> [(String, String)] {
    let document: YAMLNode?
    do throws(YAMLError) {
      document = try YAMLNode.parse(bytes)
    } catch {
      throw Failure(
        description: "\(path):\(error.place.line):\(error.place.column): \(error.message)")
    }
    guard let document else { return [] }
    guard case .mapping(let groups, _) = document else {
      throw failure(path, document.place, "expected groups of settings, such as \"server:\"")
    }
    var values: [(String, String)] = []
    var declared = EligibilitySetting(file: path)
    defer { if !declared.members.isEmpty { eligibility = declared } }
    for group in groups {
      if declared.take(group) { continue }
      let known = Set(SettingKeys.all.map { String($0.name.prefix { $0 != "." }) })
        .union(EligibilitySetting.groups).sorted()
      guard known.contains(group.key) else {
        throw failure(path, group.keyPlace, unknown(group.key, known))
      }
      if group.key == "database", case .scalar = group.value {
        // The address alone, which is what most people set.
        let member = YAMLMember(key: "address", keyPlace: group.keyPlace, value: group.value)
        values.append(try value(path, group.key, member))
        continue
      }
      guard case .mapping(let members, _) = group.value else {
        throw failure(path, group.value.place, "\(group.key) holds settings, one a line")
      }
      for member in members {
        if group.key == "functions", case .mapping(let parts, _) = member.value {
          functions.append(
            try FunctionReader(path, member, parts, environment: environment).setting())
          continue
        }
        let inner = group.key + "." + member.key
        if case .mapping(let parts, _) = member.value,
          SettingKeys.all.contains(where: { $0.name.hasPrefix(inner + ".") })
        {
          for part in parts { values.append(try value(path, inner, part)) }
          continue
        }
        values.append(try value(path, group.key, member))
      }
    }
    return values
  }

  private static func value(
    _ path: String, _ group: String, _ member: YAMLMember
  ) throws(Failure) -> (String, String) {
    let name = group + "." + member.key
    guard let key = SettingKeys.all.first(where: { $0.name == name }) else {
      let known = SettingKeys.all.filter { $0.name.hasPrefix(group + ".") }
        .map { String($0.name.dropFirst(group.count + 1)) }
      guard group != "functions" else {
        throw failure(
          path, member.value.place,
          "the function \(member.key.prefix(60)) holds settings, one a line: url, secrets, on")
      }
      throw failure(path, member.keyPlace, unknown(member.key, known))
    }
    guard case .scalar(let scalar) = member.value, key.accepts(scalar.text) else {
      throw failure(path, member.value.place, "\(name) takes \(key.expected)")
    }
    try refusePassword(
      scalar.text, key, "\(path):\(member.value.place.line)", "the file is kept with the app")
    return (name, scalar.text)
  }

  private static func unknown(_ key: String, _ known: [String]) -> String {
    let hint = Schema.nearest(key, among: known).map { "; did you mean \($0)?" } ?? ""
    return "unknown setting \"\(key.prefix(60))\"\(hint)"
  }

  static func failure(_ path: String, _ place: SourcePlace, _ message: String) -> Failure {
    Failure(description: "\(path):\(place.line):\(place.column): \(message)")
  }
}

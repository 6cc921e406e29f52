import HTTPClient
import Jobs
import RoostCore
import Schema

/// Reads the declaration of one function from `roost.yaml`.
struct FunctionReader {
  private static let known = [
    "url", "secrets", "on", "roles", "timeout", "retries", "concurrency", "signedAnswers",
    "public",
  ]
  private static let longestNameBytes = 60
  private static let mostSecrets = 3
  private static let timeouts: ClosedRange<Int64> = 100...60_000

  let file: String
  let name: String
  let place: SourcePlace
  private let members: [YAMLMember]
  private let environment: [String: String]

  init(
    _ file: String, _ member: YAMLMember, _ members: [YAMLMember], environment: [String: String]
  ) {
    self.file = file
    name = member.key
    place = member.keyPlace
    self.members = members
    self.environment = environment
  }

  func setting() throws(Settings.Failure) -> FunctionSetting {
    guard FunctionReader.isName(name) else {
      throw failure(
        place,
        "a function's name is made of letters, digits and _, begins with a letter, and has at "
          + "most \(FunctionReader.longestNameBytes) characters")
    }
    for member in members where !FunctionReader.known.contains(member.key) {
      throw failure(
        member.keyPlace,
        "unknown setting \"\(member.key.prefix(60))\" of a function"
          + Schema.didYouMean(member.key, among: FunctionReader.known))
    }
    let (url, urlPlace) = try url()
    let occasion = try occasion()
    let isAction = if case .action = occasion { true } else { false }
    let isPublic = try boolean("public")
    guard isAction || !isPublic else {
      throw failure(
        place, "public lets people without an account call an action; nobody calls this")
    }
    return FunctionSetting(
      name: name, file: file, place: place, url: url, urlPlace: urlPlace,
      secrets: try secrets(), occasion: occasion, roles: try roles(isAction),
      timeoutMilliseconds: try timeout(),
      retries: try integer("retries", 0...20) ?? (isAction ? 2 : 8),
      concurrency: try integer("concurrency", 1...64) ?? 4,
      requiresSignedAnswers: try boolean("signedAnswers"), isPublic: isPublic)
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= longestNameBytes else { return false }
    let isLetter: (UInt8) -> Bool = { $0 | 0x20 >= 97 && $0 | 0x20 <= 122 }
    return isLetter(first) && text.utf8.allSatisfy { isLetter($0) || $0 &- 48 < 10 || $0 == 95 }
  }

  private func failure(_ place: SourcePlace, _ message: String) -> Settings.Failure {
    Settings.failure(file, place, message)
  }

  private func member(_ key: String) -> YAMLMember? { members.first { $0.key == key } }

  private func required(
    _ key: String, _ example: String
  ) throws(Settings.Failure) -> YAMLMember {
    guard let member = member(key) else {
      throw failure(place, "the function \(name) needs \(key), such as \(example)")
    }
    return member
  }

  // MARK: Its parts

  private func url() throws(Settings.Failure) -> (OutgoingURL, SourcePlace) {
    let member = try required("url", "url: https://functions.example.org/\(name)")
    guard let text = member.value.text else {
      throw failure(member.value.place, "url is a text such as https://functions.example.org/x")
    }
    do throws(OutgoingURL.Fault) {
      return (try OutgoingURL(text), member.value.place)
    } catch {
      throw failure(member.value.place, "url: \(error.reason)")
    }
  }

  private func secrets() throws(Settings.Failure) -> [FunctionSetting.SecretSource] {
    let member = try required("secrets", "secrets: [env:ROOST_FUNCTION_KEY]")
    let nodes = member.value.sequence ?? [member.value]
    guard (1...FunctionReader.mostSecrets).contains(nodes.count) else {
      throw failure(
        member.value.place,
        "secrets names one key, or up to \(FunctionReader.mostSecrets) of them "
          + "while they are changed")
    }
    var sources: [FunctionSetting.SecretSource] = []
    for node in nodes {
      let text = node.text ?? ""
      if text.hasPrefix("env:"), text.utf8.count > 4 {
        let variable = String(text.dropFirst(4))
        sources.append(
          FunctionSetting.SecretSource(
            origin: .environment(variable), place: node.place,
            given: environment[variable].map { Secret($0) }))
      } else if text.hasPrefix("file:"), text.utf8.count > 5 {
        sources.append(
          FunctionSetting.SecretSource(
            origin: .file(String(text.dropFirst(5))), place: node.place, given: nil))
      } else {
        // The text is not shown: it may be the key itself.
        throw failure(
          node.place, "secrets says where a key lies, and does not hold it: env:NAME or file:PATH")
      }
    }
    return sources
  }

  private func occasion() throws(Settings.Failure) -> FunctionSetting.Occasion {
    let help =
      "action, or [collection.create, …], or {schedule: \"0 3 * * *\", zone: Europe/Berlin}"
    let member = try required("on", "on: action")
    switch member.value {
    case .scalar(let scalar):
      guard scalar.text == "action" else { throw failure(scalar.place, "on takes \(help)") }
      return .action
    case .sequence(let nodes, let place):
      guard !nodes.isEmpty else { throw failure(place, "on takes \(help)") }
      var changes: [(collection: String, operation: String, place: SourcePlace)] = []
      for node in nodes {
        let words = (node.text ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard words.count == 2, !words[0].isEmpty else {
          throw failure(node.place, "a change is written as collection.create, .update or .delete")
        }
        let known = ["create", "update", "delete"]
        guard known.contains(String(words[1])) else {
          throw failure(
            node.place,
            "\"\(words[1].prefix(30))\" is none of create, update and delete"
              + Schema.didYouMean(String(words[1]), among: known))
        }
        changes.append((String(words[0]), String(words[1]), node.place))
      }
      return .changes(changes)
    case .mapping(let parts, let place): return try schedule(parts, place)
    }
  }

  private func schedule(
    _ parts: [YAMLMember], _ place: SourcePlace
  ) throws(Settings.Failure) -> FunctionSetting.Occasion {
    for part in parts where part.key != "schedule" && part.key != "zone" {
      throw failure(
        part.keyPlace, "a schedule has schedule and zone, not \"\(part.key.prefix(60))\"")
    }
    guard let part = parts.first(where: { $0.key == "schedule" }) else {
      throw failure(place, "say when: schedule: \"0 3 * * *\"")
    }
    let expression: CronExpression
    do {
      expression = try CronExpression(part.value.text ?? "")
    } catch {
      throw failure(part.value.place, "schedule: \(error)")
    }
    let zone = parts.first { $0.key == "zone" }
    do {
      return .schedule(expression, try ZoneFolder.system.zone(zone?.value.text ?? "UTC"))
    } catch {
      throw failure(zone?.value.place ?? place, "zone: \(error)")
    }
  }

  private func roles(
    _ isAction: Bool
  ) throws(Settings.Failure) -> [(name: String, place: SourcePlace)] {
    guard let member = member("roles") else { return [] }
    guard !isAction else {
      throw failure(
        member.keyPlace,
        "what an action's function returns is judged as the action's caller: leave roles out")
    }
    guard let nodes = member.value.sequence else {
      throw failure(member.value.place, "roles is a list such as [steward]")
    }
    var roles: [(name: String, place: SourcePlace)] = []
    for node in nodes {
      guard let text = node.text, !text.isEmpty else {
        throw failure(node.place, "a role is a name of the schema's @roles")
      }
      roles.append((text, node.place))
    }
    return roles
  }

  private func timeout() throws(Settings.Failure) -> Int64 {
    guard let member = member("timeout") else { return 10_000 }
    guard let text = member.value.text, let milliseconds = FunctionReader.milliseconds(text),
      FunctionReader.timeouts.contains(milliseconds)
    else {
      throw failure(member.value.place, "timeout takes a time from 100ms to 60s, such as 5s")
    }
    return milliseconds
  }

  /// The milliseconds of a text such as `500ms`, `5s` or `1m`.
  static func milliseconds(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), digits.utf8.count <= 9 else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": return number
    case "s": return number * 1000
    case "m": return number * 60_000
    default: return nil
    }
  }

  private func integer(
    _ key: String, _ range: ClosedRange<Int>
  ) throws(Settings.Failure) -> Int? {
    guard let member = member(key) else { return nil }
    guard let value = member.value.scalar?.int, range.contains(value) else {
      throw failure(
        member.value.place,
        "\(key) takes a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  private func boolean(_ key: String) throws(Settings.Failure) -> Bool {
    guard let member = member(key) else { return false }
    guard let value = member.value.scalar?.bool else {
      throw failure(member.value.place, "\(key) takes true or false")
    }
    return value
  }
}

import RoostCore
import SyncClient
import SyncProtocol

/// Shows a person how two devices merge that were away for a while, step by step.
package struct MergeShow {
  private let stage: Stage
  private let print: (String) -> Void

  package init(print: @escaping (String) -> Void) async throws {
    stage = try await Stage()
    self.print = print
  }

  /// A field, what it is before, and what each device does to it.
  private struct Example {
    let field: String
    let strategy: String
    let before: JSON?
    let edits: [JSON]
    /// Whose edit stands, where that is one of them.
    var winner: Winner?
    let says: String

    enum Winner { case first, last }

    func edit(of device: Int) -> JSON { edits[device % edits.count] }

    /// What there is to say of a value that so many devices have come to: the strategy's words only
    /// where the value is what they say.
    func says(of value: JSON, devices: Int) -> String {
      guard let winner, value != edit(of: winner == .first ? 0 : devices - 1) else { return says }
      guard let device = (0..<devices).first(where: { edit(of: $0) == value }) else {
        return value == before ?? .null ? "no edit stands" : "none of the edits"
      }
      return "the edit of device \(device + 1) stands"
    }
  }

  private static let examples: [Example] = [
    Example(
      field: "title", strategy: "LAST_WRITE_WINS", before: "before", edits: ["by one", "by two"],
      winner: .last, says: "the latest edit stands"),
    Example(
      field: "plan", strategy: "CLIENT_WINS", before: "rehearse",
      edits: ["load in", "sound check"], winner: .last,
      says: "the edit that arrives last stands"),
    Example(
      field: "stage", strategy: "SERVER_WINS", before: "left", edits: ["right", "centre"],
      winner: .first,
      says: "the first to arrive stands; the others were not made on what is stored"),
    Example(
      field: "notes", strategy: "MERGE_DEEP", before: ["key": "C"],
      edits: [["tempo": 120], ["mood": "slow", "key": nil]],
      says: "members are merged one by one"),
    Example(field: "best", strategy: "MAX", before: 10, edits: [30, 20], says: "the greatest"),
    Example(field: "least", strategy: "MIN", before: 10, edits: [3, 5], says: "the least"),
    Example(
      field: "tags", strategy: "SET_UNION", before: ["loud"],
      edits: [["$add": ["new"]], ["$add": ["live"], "$remove": ["loud"]]],
      says: "adds and removes of all"),
    Example(
      field: "plays", strategy: "COUNTER", before: 5,
      edits: [["$increment": 2], ["$increment": 3]],
      says: "all increments count"),
    Example(
      field: "trail", strategy: "APPEND", before: ["start"],
      edits: [["$add": ["one was here"]], ["$add": ["two was here"]]],
      says: "all that was added, in the order of arrival"),
    Example(
      field: "streak", strategy: "LATEST_VALID", before: 4, edits: [5, -1],
      winner: .first, says: "the latest that the rule accepts (streak >= 0)"),
    Example(
      field: "price", strategy: "REJECT", before: 100, edits: [120, 90],
      winner: .first, says: "what else was wanted is refused, and its person sees both values"),
    Example(
      field: "poster", strategy: "USER_CHOICE", before: "red", edits: ["blue", "green"],
      winner: .first, says: "the server's value stands until the person chooses"),
  ]

  /// `devices` of one person, at least two, are offline for `seconds`.
  package func run(devices count: Int, offlineSeconds: Int64) async throws {
    let world = try World(seed: 1, stage: stage, weather: .calm)
    try await world.server.begin()
    var devices: [WorldDevice] = []
    for number in 0..<max(2, count) {
      devices.append(world.addDevice(number, person: 0))
    }
    let owner: JSON = .string(world.server.people[0].id.description)
    var fields = JSONObject(uniqueMembers: [("owner", owner)])
    for example in MergeShow.examples {
      if let before = example.before { fields[example.field] = before }
    }
    let id = world.newID()
    print("\(devices.count) devices of one person, one gig.\n")
    try await sync(devices[0], world)
    world.perform([.create(collection: "gigs", id: id, fields: fields)], on: devices[0])
    for device in devices + devices { try await sync(device, world) }
    print("Before, on all of them:")
    show(devices[0], id)
    try await away(devices, id, offlineSeconds, world)
    print("\nThey come back, device 1 first.")
    for device in devices { try await sync(device, world) }
    for device in devices { try await sync(device, world) }
    results(devices, world)
    print("\nThe rows afterwards, on each:")
    for example in MergeShow.examples {
      let values = devices.map {
        $0.live.core.row(RowKey(collection: "gigs", id: id))?[example.field] ?? .null
      }
      let isSame = values.allSatisfy { $0 == values[0] }
      print(
        "  \(pad(example.field, 8)) \(pad(example.strategy, 16)) "
          + (isSame
            ? "\(values[0].text)   – \(example.says(of: values[0], devices: devices.count))"
            : values.map(\.text).joined(separator: " | ") + "   – they differ"))
    }
    await world.server.end()
  }

  /// Each device makes its edits where nobody hears of them.
  private func away(
    _ devices: [WorldDevice], _ id: UUID, _ seconds: Int64, _ world: World
  ) async throws {
    print("\nAll are offline for \(seconds) s. Meanwhile:")
    for (index, device) in devices.enumerated() {
      world.time.pass(max(1, seconds * 1000 / Int64(devices.count)))
      for example in MergeShow.examples {
        let edit = example.edit(of: index)
        world.perform(
          [
            .update(
              collection: "gigs", id: id,
              fields: JSONObject(uniqueMembers: [(example.field, edit)]), base: [:])
          ], on: device)
        print(
          "  device \(index + 1): \(pad(example.field, 8)) \(edit.text)")
      }
      print("  device \(index + 1) shows:")
      show(device, id)
    }
  }

  private func results(_ devices: [WorldDevice], _ world: World) {
    print("\nWhat each change came to:")
    for (index, device) in devices.enumerated() {
      for oid in device.live.made {
        guard let made = world.ledger.operations[oid],
          case .update(_, _, let fields, _)? = made.operations.first,
          let field = fields.members.first
        else { continue }
        let result = device.live.core.results[oid]
        let outcome = result?.outcome ?? device.live.core.outcome(of: oid)
        var text = outcome?.rawValue ?? "ok"
        if let message = result?.message { text += ": \(message)" }
        if let values = result?.values, !values.isEmpty {
          text += " The server has \(JSON.object(values).text)"
        }
        print("  device \(index + 1): \(pad(field.key, 8)) \(pad(field.value.text, 40)) \(text)")
      }
    }
  }

  private func show(_ device: WorldDevice, _ id: UUID) {
    guard let row = device.live.core.row(RowKey(collection: "gigs", id: id)) else { return }
    for example in MergeShow.examples {
      print(
        "    \(pad(example.field, 8)) \(pad(example.strategy, 16)) "
          + (row[example.field]?.text ?? "null"))
    }
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Requests until the device has heard everything.
  private func sync(_ device: WorldDevice, _ world: World) async throws {
    world.isCalm = true
    for _ in 0..<4 {
      world.time.pass(20)
      guard let letter = world.compose(device), let reply = try await world.handle(letter) else {
        return
      }
      world.receive(reply)
    }
  }
}

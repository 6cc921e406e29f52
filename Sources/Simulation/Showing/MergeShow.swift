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
    let says: String
  }

  private static let examples: [Example] = [
    Example(
      field: "title", strategy: "LAST_WRITE_WINS", before: nil, edits: ["by one", "by two"],
      says: "the later edit stands"),
    Example(
      field: "plan", strategy: "CLIENT_WINS", before: "rehearse",
      edits: ["load in", "sound check"],
      says: "the edit that arrives last stands"),
    Example(
      field: "stage", strategy: "SERVER_WINS", before: "left", edits: ["right", "centre"],
      says: "the first to arrive stands; the other was not made on what is stored"),
    Example(
      field: "notes", strategy: "MERGE_DEEP", before: ["key": "C"],
      edits: [["tempo": 120], ["mood": "slow", "key": nil]],
      says: "members are merged one by one"),
    Example(field: "best", strategy: "MAX", before: 10, edits: [30, 20], says: "the greatest"),
    Example(field: "least", strategy: "MIN", before: 10, edits: [3, 5], says: "the least"),
    Example(
      field: "tags", strategy: "SET_UNION", before: ["loud"],
      edits: [["$add": ["new"]], ["$add": ["live"], "$remove": ["loud"]]],
      says: "adds and removes of both"),
    Example(
      field: "plays", strategy: "COUNTER", before: 5,
      edits: [["$increment": 2], ["$increment": 3]],
      says: "both increments count"),
    Example(
      field: "trail", strategy: "APPEND", before: ["start"],
      edits: [["$add": ["one was here"]], ["$add": ["two was here"]]],
      says: "both, in the order of arrival"),
    Example(
      field: "streak", strategy: "LATEST_VALID", before: 4, edits: [5, -1],
      says: "the latest that the rule accepts (streak >= 0)"),
    Example(
      field: "price", strategy: "REJECT", before: 100, edits: [120, 90],
      says: "the second is refused, and its person sees both values"),
    Example(
      field: "poster", strategy: "USER_CHOICE", before: "red", edits: ["blue", "green"],
      says: "the server's value stands until the person chooses"),
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
    var fields = JSONObject(uniqueMembers: [("owner", owner), ("title", "before")])
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
        $0.live.core.row(RowKey(collection: "gigs", id: id))?[example.field]?.text ?? "null"
      }
      let isSame = Set(values).count == 1
      print(
        "  \(pad(example.field, 8)) \(pad(example.strategy, 16)) "
          + (isSame ? values[0] : values.joined(separator: " | ")) + "   – \(example.says)")
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
        let edit = example.edits[index % example.edits.count]
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

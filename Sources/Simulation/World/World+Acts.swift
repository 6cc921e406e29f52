import RoostCore
import SyncClient
import SyncProtocol

extension World {
  /// A person does something on a device, wherever it is.
  func act(_ device: WorldDevice) {
    guard !device.isRevoked else { return }
    let operations = chooseAct(device)
    guard !operations.isEmpty else { return }
    perform(isNext(device) ? operations.map(WorldWords.next) : operations, on: device)
  }

  @discardableResult
  func perform(_ operations: [ClientOperation], on device: WorldDevice) -> ChainHash? {
    do {
      let oid = try device.live.core.change(
        operations, nonce: chance.next(), wall: device.wall(time))
      if oid != ClientCore.local {
        device.live.made.append(oid)
        ledger.note(oid, by: device, operations)
      }
      checkOwn(operations, on: device)
      note(
        "  \(device.name) makes \(oid) \(operations.map { $0.json.text }.joined(separator: " "))")
      if !isCalm, weather.has(.deviceCrash), chance.once(in: 12) {
        // The change was not stored, so nobody was told that it was made.
        device.crash()
        note("  \(device.name) crashes before it is stored")
        return nil
      }
      device.store()
      return oid
    } catch {
      note("  \(device.name) cannot: \(World.text(error))")
      return nil
    }
  }

  /// 8: who changes a row sees the change at once, whatever else waits or is being pulled.
  private func checkOwn(_ operations: [ClientOperation], on device: WorldDevice) {
    for operation in operations {
      guard case .update("gigs", let id, let fields, _) = operation, let title = fields["title"],
        let row = device.live.core.row(RowKey(collection: "gigs", id: id))
      else { continue }
      if row["title"] != title {
        breach(.monotony, "\(device.name) does not show the title that it gave gigs/\(id)")
      }
    }
  }

  private var person: JSON { .string(server.people[chance.below(Stage.people)].id.description) }

  private func own(_ device: WorldDevice) -> JSON {
    .string(server.people[device.person].id.description)
  }

  /// A row that the device shows.
  private func row(_ device: WorldDevice, _ collection: String) -> UUID? {
    let name = isNext(device) ? WorldWords.collection(collection) : collection
    let ids = device.live.core.ids(name)
    // Half of what people do meets in one row.
    return chance.once(in: 2) ? ids.min() : chance.pick(ids.sorted())
  }

  private func chooseAct(_ device: WorldDevice) -> [ClientOperation] {
    // Conflicts are rare, and more so those that somebody decides.
    if chance.once(in: 4), let conflict = chance.pick(device.live.conflicts) {
      let choices: [ConflictChoice] = [.theirs, .mine, .value(.string("v\(unique())"))]
      return [.resolve(conflict: conflict, choice: choices[chance.below(3)])]
    }
    if stage.isLinked, chance.once(in: 3) { return [link(device)] }
    switch chance.below(24) {
    case 0..<4: return [create(device)]
    case 4..<13:
      guard let id = row(device, "gigs") else { return [create(device)] }
      return [.update(collection: "gigs", id: id, fields: edits(device), base: [:])]
    case 13:
      guard let id = row(device, "gigs") else { return [] }
      return [.delete(collection: "gigs", id: id)]
    case 14..<17: return membership(device)
    case 17: return scraps(device)
    case 18..<20: return [slower(device)]
    case 20:
      guard let id = row(device, "gigs") else { return [] }
      return [
        .action(
          name: "cheer",
          arguments: JSONObject(uniqueMembers: [
            ("gig", .string(id.description)), ("by", .int(Int64(1 + chance.below(5)))),
          ]))
      ]
    case 21:
      guard let id = row(device, "gigs") else { return [] }
      let value: JSON = .string("p\(unique())")
      return [
        .update(collection: "gigs", id: id, fields: fields([("poster", value)]), base: [:])
      ]
    case 22:
      guard let id = row(device, "gigs") else { return [] }
      let gig: JSON = .string(id.description)
      return [
        .update(collection: "gigs", id: id, fields: edits(device), base: [:]),
        .create(
          collection: "entries", id: newID(),
          fields: fields([
            ("owner", own(device)), ("gig", gig), ("text", .string("e\(unique())")),
          ])),
      ]
    default:
      guard let id = row(device, "gigs") else { return [] }
      return [.update(collection: "gigs", id: id, fields: move(device), base: [:])]
    }
  }

  private func fields(_ members: [(key: String, value: JSON)]) -> JSONObject {
    JSONObject(uniqueMembers: members)
  }

  private func create(_ device: WorldDevice) -> ClientOperation {
    var members: [(key: String, value: JSON)] = [
      ("owner", own(device)), ("title", .string("t\(unique())")),
    ]
    if let band = row(device, "bands"), chance.once(in: 2) {
      members.append(("band", .string(band.description)))
    }
    if chance.once(in: 3) { members.append(("shown", true)) }
    if chance.once(in: 3) { members.append(("helper", person)) }
    if chance.once(in: 3) { members.append(("fee", .int(Int64(chance.below(100))))) }
    return .create(collection: "gigs", id: newID(), fields: fields(members))
  }

  /// Where a gig goes: into a band, out of one, into somebody's hands, into the open.
  private func move(_ device: WorldDevice) -> JSONObject {
    switch chance.below(6) {
    case 0, 1:
      return fields([("band", row(device, "bands").map { .string($0.description) } ?? .null)])
    case 2: return fields([("band", .null)])
    case 3: return fields([("helper", chance.once(in: 3) ? .null : person)])
    case 4: return fields([("shown", .bool(chance.once(in: 2)))])
    default: return fields([("locked", .bool(chance.once(in: 2)))])
    }
  }

  private func edits(_ device: WorldDevice) -> JSONObject {
    var object = JSONObject()
    for _ in 0..<(1 + chance.below(3)) {
      let (name, value) = edit(device)
      object[name] = value
    }
    return object
  }

  private func edit(_ device: WorldDevice) -> (String, JSON) {
    let number = Int64(unique())
    let small = Int64(chance.below(50))
    switch chance.below(
      isNext(device) ? 20 : device.live.core.schema == stage.secondVersion ? 17 : 16)
    {
    case 0, 1: return ("title", .string("t\(number)"))
    case 2:
      // The next version has a text there, which the first one cannot always show.
      let isText = isNext(device) && chance.once(in: 3)
      return ("fee", isText ? .string("f\(number)") : .int(number))
    case 3, 4: return ("plays", ["$increment": .int(1 + small)])
    case 5: return ("best", .int(small))
    case 6: return ("least", .int(small))
    case 7: return ("level", .string(["BRONZE", "SILVER", "GOLD"][chance.below(3)]))
    case 8: return ("tags", ["$add": [.string("g\(chance.below(8))")]])
    case 9:
      let key = "k\(chance.below(3))"
      return ("notes", .object(fields([(key, chance.once(in: 4) ? .null : ["v": .int(number)])])))
    case 10: return ("trail", ["$add": [.string("s\(number)")]])
    case 11: return ("streak", .int(small - 5))
    case 12: return ("price", .int(number))
    case 13: return ("poster", .string("p\(number)"))
    case 14: return ("stage", .string("s\(number)"))
    case 15: return ("plan", .string("l\(number)"))
    default: return ("mood", .string("m\(number)"))
    }
  }

  private func membership(_ device: WorldDevice) -> [ClientOperation] {
    switch chance.below(5) {
    case 0:
      return [
        .create(
          collection: "bands", id: newID(),
          fields: fields([("founder", own(device)), ("name", .string("b\(unique())"))]))
      ]
    case 1:
      guard let id = row(device, "members") else { return [] }
      return [.delete(collection: "members", id: id)]
    case 2 where chance.once(in: 3):
      guard let id = row(device, "bands") else { return [] }
      return [.delete(collection: "bands", id: id)]
    default:
      guard let band = row(device, "bands") else { return [] }
      return [
        .create(
          collection: "members", id: newID(),
          fields: fields([("band", .string(band.description)), ("user", person)]))
      ]
    }
  }

  /// What changes who holds entries through bands: a band, a gig that comes into one or leaves it, an
  /// entry about a gig.
  private func link(_ device: WorldDevice) -> ClientOperation {
    guard let band = row(device, "bands"), chance.below(6) > 0 else {
      return .create(
        collection: "bands", id: newID(),
        fields: fields([("founder", own(device)), ("name", .string("b\(unique())"))]))
    }
    guard let gig = row(device, "gigs") else { return create(device) }
    switch chance.below(3) {
    case 0:
      let place: JSON = chance.once(in: 3) ? .null : .string(band.description)
      return .update(collection: "gigs", id: gig, fields: fields([("band", place)]), base: [:])
    case 1:
      guard let entry = row(device, "entries") else { fallthrough }
      return .update(
        collection: "entries", id: entry, fields: fields([("gig", .string(gig.description))]),
        base: [:])
    default:
      return .create(
        collection: "entries", id: newID(),
        fields: fields([
          ("owner", own(device)), ("gig", .string(gig.description)),
          ("text", .string("e\(unique())")),
        ]))
    }
  }

  /// What stays on the device.
  private func scraps(_ device: WorldDevice) -> [ClientOperation] {
    let text: JSON = .string("\(WorldSchema.secret)-\(unique())")
    if let id = row(device, "gigs"), chance.once(in: 2) {
      return [.update(collection: "gigs", id: id, fields: fields([("sketch", text)]), base: [:])]
    }
    return [
      .create(
        collection: "scraps", id: newID(), fields: fields([("owner", own(device)), ("text", text)]))
    ]
  }

  private func slower(_ device: WorldDevice) -> ClientOperation {
    let text: JSON = .string("n\(unique())")
    let names = ["news", "entries", "photos"]
    let name = names[chance.below(3)]
    if let id = row(device, name), chance.once(in: 2) {
      if chance.once(in: 4) { return .delete(collection: name, id: id) }
      if name == "news", chance.once(in: 2) {
        return .update(
          collection: name, id: id, fields: fields([("reads", ["$increment": 1])]), base: [:])
      }
      return .update(collection: name, id: id, fields: fields([("text", text)]), base: [:])
    }
    return .create(
      collection: name, id: newID(), fields: fields([("owner", own(device)), ("text", text)]))
  }
}

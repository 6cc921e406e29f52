package import RoostCore

extension FollowerStatus {
  package func json(at now: Timestamp) -> JSON {
    [
      "name": .string(name), "position": .int(position), "head": .int(head),
      "behind": .int(behind), "lagMilliseconds": .int(lagMilliseconds(at: now)),
      "waitingSince": waitingSince.map { .string($0.description) } ?? .null,
      "setAside": .int(setAside), "replayable": .bool(isReplayable),
    ]
  }
}

extension PoisonedEntry {
  package func json(_ catalogue: Catalogue) -> JSON {
    let name = catalogue.collections.first { $0.number == entry.collection }?.name
    return [
      "position": .int(entry.position), "at": .string(entry.at.description),
      "collection": name.map { .string($0) } ?? .int(entry.collection),
      "id": .string(entry.id.description), "kind": .string("\(entry.kind)"),
      "reason": .string(reason), "attempts": .int(attempts),
      "setAsideAt": .string(setAsideAt.description),
    ]
  }
}

extension RebuildFinding {
  package var json: JSON {
    ["derived": .string(definition), "differences": .int(differences)]
  }
}

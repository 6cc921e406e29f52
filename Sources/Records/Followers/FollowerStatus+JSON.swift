package import Queries
package import RoostCore

extension FollowerStatus {
  package func json(at now: Timestamp) -> JSON {
    var json: JSON = [
      "name": .string(name), "position": .int(position), "head": .int(head),
      "behind": .int(behind), "lagMilliseconds": .int(lagMilliseconds(at: now)),
      "waitingSince": waitingSince.map { .string($0.description) } ?? .null,
      "setAside": .int(setAside), "replayable": .bool(isReplayable),
    ]
    if !parts.isEmpty, var members = json.object {
      members["parts"] = .array(parts.map { .string($0) })
      json = .object(members)
    }
    return json
  }
}

extension PoisonedEntry {
  /// Where it stands, as it is said to `retry` and `skip`.
  package func place(_ dialect: Dialect) -> String {
    EntryPlace.text(entry.partition, entry.position, dialect)
  }

  /// `position` is what `retry` and `skip` take: a number, or `part:position` as a text where the log
  /// has several parts.
  package func json(_ catalogue: Catalogue, _ dialect: Dialect) -> JSON {
    let name = catalogue.collections.first { $0.number == entry.collection }?.name
    return [
      "position": dialect.partitions == 1 ? .int(entry.position) : .string(place(dialect)),
      "at": .string(entry.at.description),
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

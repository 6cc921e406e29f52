import Records
import RoostCore
import Schema

/// Turns the lines of an export into records that come back: with their ids, versions and times.
struct RestorePlan: Sendable {
  struct Draft {
    let body: JSON
    let stamp: RecordStamp?
  }

  let collection: CompiledCollection
  /// Fields whose references are looked at when everything is there, by index.
  let awaited: [Int]
  /// All fields, by index: what a line leaves out is null.
  let given: [Int]
  private let header: [String]?
  /// For each column the index of its field; nil for the system's.
  private let columns: [Int?]

  /// Throws `ImportFault` where the header names what the collection has not.
  init(_ collection: CompiledCollection, awaiting awaited: [Int], header: [String]?, path: String)
    throws
  {
    self.collection = collection
    self.awaited = awaited
    given = Array(collection.fields.indices)
    self.header = header
    columns = try (header ?? []).map { name in
      if RestorePlan.isSystem(name) { return nil }
      guard let index = collection.index(of: name) else {
        throw ImportFault(
          exitStatus: 2, code: "unknown_field",
          "\(path):1: the column \"\(name.prefix(60))\" is no field of \(collection.name)")
      }
      return index
    }
    if let header, !header.contains("id") {
      throw ImportFault(exitStatus: 2, code: "header", "\(path):1: there is no column id")
    }
  }

  private static func isSystem(_ name: String) -> Bool {
    switch name.utf8.count {
    case 2, 7, 9: break
    default: return false
    }
    return switch name {
    case "id", "version", "createdAt", "updatedAt": true
    default: false
    }
  }

  func draft(_ content: SourceRecord.Content) throws(RecordPlan.Refusal) -> Draft {
    switch content {
    case .members(let members): return try draft(members)
    case .cells(let cells): return try draft(try members(cells))
    case .columns, .broken:
      throw AccountLine.refusal("", "columns", "This is no line of an export.")
    }
  }

  private func draft(_ members: JSONObject) throws(RecordPlan.Refusal) -> Draft {
    var rest: [(key: String, value: JSON)] = []
    rest.reserveCapacity(members.count)
    var version: Int64?
    var created: Timestamp?
    var updated: Timestamp?
    var hasID = false
    for (key, value) in members.members {
      guard RestorePlan.isSystem(key) else {
        rest.append((key, value))
        continue
      }
      switch key {
      case "id":
        hasID = true
        rest.append((key, value))
      case "version":
        guard let number = value.int, (1...(1 << 53)).contains(number) else {
          throw AccountLine.refusal(key, "type", "version is a whole number from 1.")
        }
        version = number
      case "createdAt": created = try time(value, key)
      case "updatedAt": updated = try time(value, key)
      default: rest.append((key, value))
      }
    }
    guard hasID else {
      throw AccountLine.refusal("id", "required", "A line of an export needs its id.")
    }
    var stamp: RecordStamp?
    if let created = created ?? updated {
      let updated = updated ?? created
      guard created <= updated else {
        throw AccountLine.refusal("updatedAt", "range", "updatedAt lies before createdAt.")
      }
      stamp = RecordStamp(version: version ?? 1, createdAt: created, updatedAt: updated)
    }
    return Draft(body: .object(JSONObject(uniqueMembers: rest)), stamp: stamp)
  }

  private func members(_ cells: [String?]) throws(RecordPlan.Refusal) -> JSONObject {
    var members: [(key: String, value: JSON)] = []
    members.reserveCapacity(cells.count)
    for (index, cell) in cells.enumerated() {
      guard let name = header?[index] else { continue }
      guard let text = cell else {
        if columns[index] != nil { members.append((name, .null)) }
        continue
      }
      guard let field = columns[index] else {
        if name == "version" {
          members.append((name, Int64(text).map { .int($0) } ?? .string(text)))
        } else {
          members.append((name, .string(text)))
        }
        continue
      }
      switch TextConversion.json(text, for: collection.fields[field]) {
      case .success(let value): members.append((name, value))
      case .failure(let issue): throw RecordPlan.Refusal(issues: [issue])
      }
    }
    return JSONObject(uniqueMembers: members)
  }

  private func time(_ value: JSON, _ key: String) throws(RecordPlan.Refusal) -> Timestamp {
    guard let time = value.string.flatMap({ Timestamp($0) }) else {
      throw AccountLine.refusal(key, "type", "\(key) is a time such as 2026-01-31T20:00:00.000Z.")
    }
    return time
  }
}

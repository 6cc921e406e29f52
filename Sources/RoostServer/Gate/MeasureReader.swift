import Records
import Rules
import Schema
import Sync

/// Reads the declaration of one measure.
struct MeasureReader {
  private static let known = [
    "field", "sum", "count", "account", "where", "levels", "label", "trust",
  ]
  private static let sources = ["field", "sum", "count", "account"]
  private static let mostLevels = 1000

  private let reader: EligibilityReader
  private let member: YAMLMember
  private let trustsDevices: Bool

  /// `trustsDevices` is what the gate says of all measures.
  init(_ reader: EligibilityReader, _ member: YAMLMember, trustsDevices: Bool) {
    self.reader = reader
    self.member = member
    self.trustsDevices = trustsDevices
  }

  func measure() throws(Settings.Failure) -> Measure {
    guard EligibilityReader.isName(member.key) else {
      throw reader.failure(
        member.keyPlace,
        "a measure's name is made of letters, digits, - and _, and begins with a letter")
    }
    let parts = try reader.members(member, member.key, MeasureReader.known)
    let sources = parts.filter { MeasureReader.sources.contains($0.key) }
    guard let source = sources.first, sources.count == 1 else {
      throw reader.failure(
        sources.last?.keyPlace ?? member.value.place,
        "\(member.key) comes from one place: field: journeys.xp, sum: sessions.minutes, "
          + "count: sessions, or account: age")
    }
    let trust = try parts.first { $0.key == "trust" }.map(reader.trustsDevices)
    let isAge = source.key == "account"
    // How old an account is, the server knows: who declares otherwise says so.
    let takesClaims = trust ?? (trustsDevices && !isAge)
    return Measure(
      name: member.key, label: try reader.label(parts),
      source: try found(source, parts, takesClaims: takesClaims), levels: try levels(parts),
      takesClaims: takesClaims)
  }

  private func found(
    _ source: YAMLMember, _ parts: [YAMLMember], takesClaims: Bool
  ) throws(Settings.Failure) -> Measure.Source {
    let condition = parts.first { $0.key == "where" }
    guard source.key != "account" else {
      guard source.value.text == "age" else {
        throw reader.failure(source.value.place, "of the account there is its age: account: age")
      }
      if let condition {
        throw reader.failure(condition.keyPlace, "where belongs to records, and not to the account")
      }
      return .age
    }
    let place: Int
    let kind: OwnedMeasure.Kind
    if source.key == "count" {
      place = try reader.ownedCollection(source.value.text ?? "", source.value.place)
      kind = .count
    } else {
      let (collection, field) = try reader.ownedField(source)
      let found = reader.schema.collections[collection].fields[field]
      switch found.type {
      case .int, .int64, .float, .money: break
      default:
        throw reader.failure(
          source.value.place,
          "\(found.name) is no number, but \(found.type.schemaName)")
      }
      guard !found.isList else {
        throw reader.failure(source.value.place, "\(found.name) is a list, and no number")
      }
      place = collection
      kind = source.key == "sum" ? .sum(field: field) : .greatest(field: field)
    }
    let collection = reader.schema.collections[place]
    if collection.sync.tier == .localOnly, !takesClaims {
      throw reader.failure(
        source.value.place,
        "the records of \(collection.name) never leave a device: the server can only be told, "
          + "with trust: device")
    }
    var counted: Expression?
    if let condition { counted = try test(condition, place) }
    return .records(OwnedMeasure(collection: place, kind: kind, condition: counted))
  }

  private func test(_ member: YAMLMember, _ collection: Int) throws(Settings.Failure) -> Expression
  {
    let checker = ExpressionChecker(model: reader.schema, collection: collection, scope: .rule)
    do throws(ExpressionFault) {
      return try checker.expression(member.value.text ?? "", .filter)
    } catch {
      throw reader.failure(member.value.place, "where: \(error.message)")
    }
  }

  private func levels(_ parts: [YAMLMember]) throws(Settings.Failure) -> [Double] {
    guard let part = parts.first(where: { $0.key == "levels" }) else { return [] }
    guard let nodes = part.value.sequence, !nodes.isEmpty, nodes.count <= MeasureReader.mostLevels
    else {
      throw reader.failure(
        part.value.place,
        "levels lists where each level begins, such as [0, 100, 250]: level 1 at 0, 2 at 100")
    }
    var levels: [Double] = []
    for node in nodes {
      guard let value = node.scalar?.double, levels.last.map({ $0 < value }) ?? true else {
        throw reader.failure(node.place, "each level begins at a number above the one before")
      }
      levels.append(value)
    }
    return levels
  }
}

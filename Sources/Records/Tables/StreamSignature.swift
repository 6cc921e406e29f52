import RoostCore
import Rules
import Schema

/// What decides in which streams the rows of a collection stand, and which scopes they give to whom,
/// as text, kept in the database to tell a changed schema from the one before.
enum StreamSignature {
  /// The version of the way from rules to scopes; raised when `ScopeBook`, the texts of scopes or the
  /// tables of masks, grants and edges change their meaning, so that everything is brought in step at
  /// the next start.
  private static let version: Int64 = 2

  /// The tier, those of single fields, what the rules of all collections make of a row of this one, and, where masks leave
  /// fields out, all fields: a mask with every field is another one when there is a field more.
  static func of(_ collection: CompiledCollection, _ scopes: ScopeBook) -> String {
    let reading = collection.rules.rules.filter { $0.operations.contains(.read) }
    let isMasked = reading.contains { $0.mask != collection.allMembers }
    let numbers = FieldSet(collection.fieldNumbers.map { Int($0) })
    var signature: [JSON] = [
      .int(version), .string(collection.model.sync.tier.rawValue),
      .string(scopes.signature(of: collection.index)),
      .string(isMasked ? MaskTable.text(numbers) : "*"),
    ]
    let tiers = tiers(of: collection)
    if tiers != .null { signature.append(tiers) }
    return JSON.array(signature).text
  }

  /// The fields whose values by a stored signature stood in other streams than they do now, or in none.
  static func retiered(
    since signature: String, of collection: CompiledCollection
  ) -> FieldSet {
    let parts = (try? JSON.parse(text: signature))?.array ?? []
    let before = StreamSignature.byNumber(parts.count > 4 ? parts[4] : .null)
    let now = StreamSignature.byNumber(tiers(of: collection))
    return FieldSet(
      collection.fields.indices.filter { index in
        let number = "\(collection.fieldNumbers[index])"
        return before[number] != now[number]
      })
  }

  private static func byNumber(_ tiers: JSON) -> [String: String] {
    var found: [String: String] = [:]
    for (tier, numbers) in tiers.object ?? JSONObject() {
      for number in (numbers.string ?? "").split(separator: ",") { found[String(number)] = tier }
    }
    return found
  }

  /// The numbers of the fields by their own tiers; null where all are of the collection's.
  private static func tiers(of collection: CompiledCollection) -> JSON {
    let tiers = collection.streamed.tiers
    guard !tiers.elsewhere.isEmpty else { return .null }
    func numbers(_ fields: FieldSet) -> JSON {
      .string(MaskTable.text(FieldSet(fields.members.map { Int(collection.fieldNumbers[$0]) })))
    }
    var members = tiers.slower.map { (key: $0.tier.rawValue, value: numbers($0.fields)) }
    if !tiers.withheld.isEmpty { members.append((key: "-", value: numbers(tiers.withheld))) }
    return .object(JSONObject(uniqueMembers: members))
  }
}

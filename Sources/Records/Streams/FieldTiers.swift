import Rules
import Schema

/// In which tier each field of a collection travels to devices.
///
/// The entry of a row in its home tier has the whole mask, and the values of the fields that say
/// nothing of a tier of their own. A field of a slower tier has its value in an entry of that tier
/// alone, whose mask is what the scope shows of the tier's fields.
struct FieldTiers: Sendable {
  /// The collection's own tier.
  let home: SyncPolicy.Tier
  /// The fields of each slower tier, in the order of the tiers; a tier without fields is left out.
  let slower: [(tier: SyncPolicy.Tier, fields: FieldSet)]
  /// The fields that never travel: `@sync(tier: SERVER_ONLY)` and `LOCAL_ONLY` on a field.
  let withheld: FieldSet
  /// The fields whose values are in no entry of the home tier.
  let elsewhere: FieldSet

  init(_ collection: Collection) {
    home = collection.sync.tier
    func fields(_ tiers: [SyncPolicy.Tier]) -> FieldSet {
      FieldSet(
        collection.fields.indices.filter { index in
          collection.fields[index].sync.map { tiers.contains($0.tier) } ?? false
        })
    }
    withheld = fields([.serverOnly, .localOnly])
    let home = home
    slower = [SyncPolicy.Tier.hourly, .daily, .onDemand].compactMap { tier in
      let fields = fields([tier])
      return tier == home || fields.isEmpty ? nil : (tier: tier, fields: fields)
    }
    elsewhere = slower.reduce(withheld) { $0.union($1.fields) }
  }

  /// The fields among those of a mask whose values stand in an entry of `tier`.
  func shown(_ mask: FieldSet, in tier: SyncPolicy.Tier) -> FieldSet {
    if tier == home { return mask.subtracting(elsewhere) }
    return slower.first { $0.tier == tier }.map { mask.intersection($0.fields) } ?? FieldSet()
  }
}

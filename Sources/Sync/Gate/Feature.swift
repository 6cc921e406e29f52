package import RoostCore

/// A feature of the app that not everybody has.
package struct Feature: Sendable {
  package let name: String
  package let label: String
  /// The least tier that has it, by its place; 0 for everybody's.
  package let tier: Int
  package let requirements: [Requirement]
  /// The features that come before it, by their place, and whether sync does.
  package let after: [Int]
  package let needsSync: Bool

  package init(
    name: String, label: String? = nil, tier: Int = 0, requirements: [Requirement] = [],
    after: [Int] = [], needsSync: Bool = false
  ) {
    self.name = name
    self.label = label ?? name
    self.tier = tier
    self.requirements = requirements
    self.after = after
    self.needsSync = needsSync
  }
}

/// Whether somebody has a feature.
package enum Availability: String, Sendable {
  case available
  /// It opens by itself when something is reached.
  case unlockable
  /// It takes another tier.
  case requiresUpgrade = "requires_upgrade"
}

/// What is known of the one who asks.
package struct FeatureFacts: Sendable {
  /// The place of their tier.
  package var tier: Int
  /// How far they are with the requirements of each feature.
  package var progress: [[Progress]]
  /// What comes before sync; nil where it is open to them.
  package var syncNeed: Need?

  package init(tier: Int, progress: [[Progress]], syncNeed: Need? = nil) {
    self.tier = tier
    self.progress = progress
    self.syncNeed = syncNeed
  }
}

/// The features as one person has them.
package struct FeatureMatrix: Sendable {
  package struct Entry: Sendable {
    package let feature: Feature
    package let availability: Availability
    /// What is missing; nil for what is available.
    package let next: Need?
    package let progress: [Progress]
  }

  /// In the order of the app.
  package let entries: [Entry]
  private let tiers: [String]
  private let tier: Int

  /// `features` come before those that come after them nowhere in particular, but in no circle.
  package init(_ features: [Feature], tiers: [String], _ facts: FeatureFacts) {
    self.tiers = tiers
    tier = facts.tier
    var known = [(Availability, Need?)?](repeating: nil, count: features.count)
    func judge(_ index: Int) -> (Availability, Need?) {
      if let known = known[index] { return known }
      let judged = FeatureMatrix.judge(
        features[index], facts.progress[index], facts, tiers,
        after: features[index].after.map { (features[$0], judge($0)) })
      known[index] = judged
      return judged
    }
    entries = features.indices.map { index in
      let (availability, next) = judge(index)
      return Entry(
        feature: features[index], availability: availability, next: next,
        progress: facts.progress[index])
    }
  }

  /// A tier that is missing counts most: nothing else opens what it closes.
  private static func judge(
    _ feature: Feature, _ progress: [Progress], _ facts: FeatureFacts, _ tiers: [String],
    after: [(feature: Feature, judged: (Availability, Need?))]
  ) -> (Availability, Need?) {
    if facts.tier < feature.tier {
      let name = tiers[feature.tier]
      return (.requiresUpgrade, Need(.tier, name, "\(feature.label) takes the tier \(name)."))
    }
    for other in after where other.judged.0 == .requiresUpgrade { return other.judged }
    if let unmet = progress.first(where: { !$0.isMet }) {
      return (.unlockable, Need(unmet, before: feature.label))
    }
    if feature.needsSync, let need = facts.syncNeed { return (.unlockable, need) }
    for other in after where other.judged.0 != .available {
      let message = "\(feature.label) comes after \(other.feature.label)."
      return (.unlockable, other.judged.1 ?? Need(.feature, other.feature.name, message))
    }
    return (.available, nil)
  }

  package var json: JSON {
    let items = entries.map { entry -> JSON in
      [
        "name": .string(entry.feature.name), "label": .string(entry.feature.label),
        "state": .string(entry.availability.rawValue),
        "tier": tiers.isEmpty ? .null : .string(tiers[entry.feature.tier]),
        "next": entry.next?.json ?? .null, "requirements": .array(entry.progress.map(\.json)),
      ]
    }
    return ["tier": tiers.isEmpty ? .null : .string(tiers[tier]), "items": .array(items)]
  }
}

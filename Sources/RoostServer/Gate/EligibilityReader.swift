import Rules
package import Schema
package import Sync

/// Reads who may have what from the settings of an app, and checks it against the schema.
package struct EligibilityReader {
  private static let mostMeasures = 64
  private static let mostFeatures = 256

  let setting: EligibilitySetting
  let schema: SchemaModel

  /// What the settings declare; nothing where they have none of it.
  ///
  /// Throws `Settings.Failure` with file, line, column and the nearest known name.
  package static func eligibility(
    _ settings: Settings, _ schema: SchemaModel
  ) throws(Settings.Failure) -> Eligibility {
    guard let setting = settings.eligibility else { return .none }
    return try EligibilityReader(setting: setting, schema: schema).eligibility()
  }

  private func eligibility() throws(Settings.Failure) -> Eligibility {
    let trust = try gateTrust()
    var measures: [Measure] = []
    for member in try group("measures", most: EligibilityReader.mostMeasures) {
      measures.append(try MeasureReader(self, member, trustsDevices: trust).measure())
    }
    let tiers = try setting.member("tiers").map(tiers)
    var plan: GatePlan?
    if let member = setting.member("gate") { plan = try gate(member, measures) }
    return Eligibility(
      measures: measures, gate: plan, tiers: tiers, features: try features(measures, tiers))
  }

  // MARK: The gate

  private func gateTrust() throws(Settings.Failure) -> Bool {
    guard let gate = setting.member("gate") else { return false }
    let trust = try members(gate, "gate", ["trust", "requires", "rest"])
      .first { $0.key == "trust" }
    return try trust.map(trustsDevices) ?? false
  }

  /// What `trust` says, of the gate or of a measure.
  func trustsDevices(_ member: YAMLMember) throws(Settings.Failure) -> Bool {
    switch member.value.text {
    case "device": return true
    case "server": return false
    default: throw failure(member.value.place, "trust takes server or device")
    }
  }

  private func gate(
    _ member: YAMLMember, _ measures: [Measure]
  ) throws(Settings.Failure) -> GatePlan {
    let parts = try members(member, "gate", ["trust", "requires", "rest"])
    guard let requires = parts.first(where: { $0.key == "requires" }) else {
      throw failure(
        member.keyPlace, "a gate says what opens it, such as requires: {level: 5}")
    }
    let requirements = try requirements(requires, measures)
    var guardsREST = false
    if let rest = parts.first(where: { $0.key == "rest" }) {
      guard let value = rest.value.scalar?.bool else {
        throw failure(rest.value.place, "rest takes true or false")
      }
      guardsREST = value
    }
    return GatePlan(requirements: requirements, guardsREST: guardsREST)
  }

  /// `{level.
  ///
  /// 5, sessions: 25}`
  private func requirements(
    _ member: YAMLMember, _ measures: [Measure]
  ) throws(Settings.Failure) -> [Requirement] {
    guard let parts = member.value.mapping, !parts.isEmpty else {
      throw failure(
        member.value.place,
        "requires names measures with what they have to be at least, such as {level: 5}")
    }
    var requirements: [Requirement] = []
    for part in parts {
      guard let index = measures.firstIndex(where: { $0.name == part.key }) else {
        throw failure(
          part.keyPlace,
          "there is no measure \"\(part.key.prefix(60))\""
            + Schema.didYouMean(part.key, among: measures.map(\.name))
            + "; measures: declares them")
      }
      guard let least = part.value.scalar?.double, (0...1e12).contains(least) else {
        throw failure(
          part.value.place, "\(part.key) has to be at least a number from 0 to 1000000000000")
      }
      requirements.append(Requirement(measure: index, least: least))
    }
    return requirements
  }

  // MARK: Tiers

  private func tiers(_ member: YAMLMember) throws(Settings.Failure) -> TierPlan {
    let parts = try members(member, "tiers", ["order", "field"])
    let field = parts.first { $0.key == "field" }
    var names: [String] = []
    if let order = parts.first(where: { $0.key == "order" }) {
      guard let nodes = order.value.sequence, nodes.count >= 2 else {
        throw failure(
          order.value.place, "order lists the tiers from the least, such as [free, premium]")
      }
      for node in nodes {
        guard let text = node.text, !text.isEmpty, !names.contains(text) else {
          throw failure(node.place, "each tier is a name, given once")
        }
        names.append(text)
      }
    }
    guard let field else {
      guard !names.isEmpty else {
        throw failure(
          member.value.place,
          "tiers says their order, from the least, such as order: [free, premium]: an account has "
            + "a tier by a claim of its name, or by a field")
      }
      return TierPlan(names: names, source: .claims)
    }
    let (collection, index) = try ownedField(field)
    let found = schema.collections[collection].fields[index]
    guard found.isServerOnly else {
      throw failure(
        field.value.place,
        "\(found.name) must be @serverOnly, or everybody could give themselves a tier")
    }
    switch found.type {
    case .enumeration(_, let values) where !found.isList:
      for (place, name) in names.enumerated() where !values.contains(name) {
        let nodes = parts.first { $0.key == "order" }?.value.sequence ?? []
        throw failure(
          nodes[place].place,
          "\(found.name) has no value \"\(name.prefix(60))\""
            + Schema.didYouMean(name, among: values))
      }
      if names.isEmpty { names = values }
    case .string where !found.isList && !names.isEmpty: break
    default:
      throw failure(
        field.value.place,
        "a tier is an enum of the schema, or a String with order: beside it, not "
          + found.type.schemaName)
    }
    return TierPlan(names: names, source: .field(index, collection: collection))
  }

  // MARK: Features

  private func features(
    _ measures: [Measure], _ tiers: TierPlan?
  ) throws(Settings.Failure) -> [Feature] {
    let members = try group("features", most: EligibilityReader.mostFeatures)
    let names = members.map(\.key)
    var features: [Feature] = []
    for member in members {
      guard EligibilityReader.isName(member.key), member.key != "sync" else {
        throw failure(
          member.keyPlace,
          member.key == "sync"
            ? "sync is what the gate opens: name the feature otherwise"
            : "a feature's name is made of letters, digits, - and _, and begins with a letter")
      }
      features.append(try feature(member, names, measures, tiers))
    }
    try refuseCircles(features, members)
    return features
  }

  private func feature(
    _ member: YAMLMember, _ names: [String], _ measures: [Measure], _ tiers: TierPlan?
  ) throws(Settings.Failure) -> Feature {
    let parts =
      member.value.scalar?.isNull == true
      ? [] : try members(member, member.key, ["label", "requires", "tier", "after"])
    var tier = 0
    if let part = parts.first(where: { $0.key == "tier" }) {
      guard let tiers else {
        throw failure(part.keyPlace, "no tiers are declared: tiers: {order: [free, premium]}")
      }
      let text = part.value.text ?? ""
      guard let place = tiers.names.firstIndex(of: text) else {
        throw failure(
          part.value.place,
          "there is no tier \"\(text.prefix(60))\"" + Schema.didYouMean(text, among: tiers.names))
      }
      tier = place
    }
    var after: [Int] = []
    var needsSync = false
    if let part = parts.first(where: { $0.key == "after" }) {
      for node in part.value.sequence ?? [part.value] {
        let text = node.text ?? ""
        if text == "sync" {
          needsSync = true
          continue
        }
        guard let place = names.firstIndex(of: text) else {
          throw failure(
            node.place,
            "there is no feature \"\(text.prefix(60))\""
              + Schema.didYouMean(text, among: names + ["sync"]))
        }
        after.append(place)
      }
    }
    var required: [Requirement] = []
    if let part = parts.first(where: { $0.key == "requires" }) {
      required = try requirements(part, measures)
    }
    return Feature(
      name: member.key, label: try label(parts), tier: tier,
      requirements: required, after: after, needsSync: needsSync)
  }

  /// Throws where a feature comes after itself.
  private func refuseCircles(
    _ features: [Feature], _ members: [YAMLMember]
  ) throws(Settings.Failure) {
    var isSound = [Bool](repeating: false, count: features.count)
    for start in features.indices where !isSound[start] {
      // What is being looked at, with how many of its predecessors were.
      var path: [(feature: Int, next: Int)] = [(start, 0)]
      while let (feature, next) = path.last {
        guard next < features[feature].after.count else {
          isSound[feature] = true
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let other = features[feature].after[next]
        if let place = path.firstIndex(where: { $0.feature == other }) {
          let circle = path[place...].map { features[$0.feature].name } + [features[other].name]
          throw failure(
            members[other].keyPlace,
            "these features wait for one another: " + circle.joined(separator: " after "))
        }
        if !isSound[other] { path.append((other, 0)) }
      }
    }
  }

  // MARK: Parts

  func failure(_ place: SourcePlace, _ message: String) -> Settings.Failure {
    Settings.failure(setting.file, place, message)
  }

  /// The members of a group; none where the file has no such group.
  private func group(_ name: String, most: Int) throws(Settings.Failure) -> [YAMLMember] {
    guard let group = setting.member(name) else { return [] }
    guard let members = group.value.mapping else {
      throw failure(group.value.place, "\(name) holds declarations, each with a name")
    }
    guard members.count <= most else {
      throw failure(members[most].keyPlace, "there are at most \(most) \(name)")
    }
    return members
  }

  /// The members of a declaration, all of them known.
  func members(
    _ member: YAMLMember, _ name: String, _ known: [String]
  ) throws(Settings.Failure) -> [YAMLMember] {
    guard let parts = member.value.mapping else {
      throw failure(
        member.value.place, "\(name) holds settings: \(known.joined(separator: ", "))")
    }
    for part in parts where !known.contains(part.key) {
      throw failure(
        part.keyPlace,
        "unknown setting \"\(part.key.prefix(60))\" of \(name)"
          + Schema.didYouMean(part.key, among: known))
    }
    return parts
  }

  func label(_ parts: [YAMLMember]) throws(Settings.Failure) -> String? {
    guard let part = parts.first(where: { $0.key == "label" }) else { return nil }
    guard let text = part.value.text, !text.isEmpty, text.utf8.count <= 200 else {
      throw failure(part.value.place, "label is a text for people, of 200 bytes at most")
    }
    return text
  }

  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 60 else { return false }
    let isLetter: (UInt8) -> Bool = { $0 | 0x20 >= 97 && $0 | 0x20 <= 122 }
    return isLetter(first)
      && text.utf8.allSatisfy { isLetter($0) || $0 &- 48 < 10 || $0 == 95 || $0 == 45 }
  }

  // MARK: The schema

  /// The place of a collection whose records accounts own.
  func ownedCollection(
    _ name: String, _ place: SourcePlace
  ) throws(Settings.Failure) -> Int {
    let names = schema.collections.map(\.name)
    guard let index = names.firstIndex(of: name) else {
      throw failure(
        place,
        "the schema has no collection \"\(name.prefix(60))\""
          + Schema.didYouMean(name, among: names))
    }
    let collection = schema.collections[index]
    let isOwned = collection.fields.contains { field in
      field.type == .user && !field.isList
        && collection.allows.contains { $0.owner == field.name }
    }
    guard isOwned else {
      throw failure(
        place,
        "nobody owns the records of \(name): one of its rules has to name an owner, such as "
          + "@allow(ops: [ALL], owner: \"owner\")")
    }
    return index
  }

  /// The places of `collection.field`, of records that accounts own.
  func ownedField(
    _ member: YAMLMember
  ) throws(Settings.Failure) -> (collection: Int, field: Int) {
    let words = (member.value.text ?? "").split(separator: ".", omittingEmptySubsequences: false)
    guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else {
      throw failure(
        member.value.place, "\(member.key) names a field of a collection, such as journeys.xp")
    }
    let collection = try ownedCollection(String(words[0]), member.value.place)
    let fields = schema.collections[collection].fields.map(\.name)
    guard let field = fields.firstIndex(of: String(words[1])) else {
      throw failure(
        member.value.place,
        "\(words[0]) has no field \"\(words[1].prefix(60))\""
          + Schema.didYouMean(String(words[1]), among: fields))
    }
    guard schema.collections[collection].fields[field].encryption == nil else {
      throw failure(
        member.value.place,
        "\(words[0]).\(words[1]) is under @encrypted: the database cannot look into it")
    }
    return (collection, field)
  }
}

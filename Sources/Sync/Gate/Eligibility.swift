import Accounts
package import Queries
package import Records
package import RoostCore

/// What an app declares of who may have what: its measures, the gate of sync, its features.
package struct Eligibility: Sendable {
  package let measures: [Measure]
  /// Nil where sync is open to everybody.
  package let gate: GatePlan?
  package let tiers: TierPlan?
  /// In the order of the file.
  package let features: [Feature]

  package static let none = Eligibility()

  package init(
    measures: [Measure] = [], gate: GatePlan? = nil, tiers: TierPlan? = nil,
    features: [Feature] = []
  ) {
    self.measures = measures
    self.gate = gate
    self.tiers = tiers
    self.features = features
  }

  /// How far `account` is with each of `requirements`, in their order.
  ///
  /// `claims` are what its devices say, by the name of the measure.
  package func progress(
    _ requirements: [Requirement], of account: UUID?, claims: [String: Double],
    _ records: RecordStore, in reader: any Reader, now: Timestamp
  ) async throws -> [Progress] {
    var found: [Int: Double] = [:]
    var progress: [Progress] = []
    for requirement in requirements {
      let measure = measures[requirement.measure]
      if let account, found[requirement.measure] == nil {
        found[requirement.measure] = try await number(
          measure.source, of: account, records, in: reader, now: now)
      }
      progress.append(
        Progress(
          measure, least: requirement.least, found: found[requirement.measure],
          claimed: claims[measure.name]))
    }
    return progress
  }

  private func number(
    _ source: Measure.Source, of account: UUID, _ records: RecordStore, in reader: any Reader,
    now: Timestamp
  ) async throws -> Double {
    switch source {
    case .records(let measure):
      return try await records.value(of: measure, for: account, in: reader)
    case .age:
      guard let made = try await AccountStore.creation(of: account, in: reader) else { return 0 }
      return Double(max(0, (now.milliseconds - made.milliseconds) / 86_400_000))
    }
  }
}

/// When sync opens.
package struct GatePlan: Sendable {
  /// All of them, in the order in which they are named to a person.
  package let requirements: [Requirement]
  /// The records of the app are behind the gate over REST too.
  package let guardsREST: Bool

  package init(requirements: [Requirement], guardsREST: Bool = false) {
    self.requirements = requirements
    self.guardsREST = guardsREST
  }
}

/// The tiers of a subscription, from the least to the greatest; the first is everybody's.
package struct TierPlan: Sendable {
  package enum Source: Sendable {
    /// A claim of the same name.
    case claims
    /// A field, by its place, of a collection, by its place in the schema.
    case field(Int, collection: Int)
  }

  package let names: [String]
  package let source: Source

  package init(names: [String], source: Source) {
    self.names = names
    self.source = source
  }

  /// The place of the tier that a caller has.
  func tier(
    of caller: Caller, _ records: RecordStore, in reader: any Reader
  ) async throws -> Int {
    guard let account = caller.uid else { return 0 }
    switch source {
    case .claims: return caller.claims.compactMap { names.firstIndex(of: $0) }.max() ?? 0
    case .field(let field, let collection):
      return try await records.greatestWord(
        names, ofField: field, of: collection, for: account, in: reader) ?? 0
    }
  }
}

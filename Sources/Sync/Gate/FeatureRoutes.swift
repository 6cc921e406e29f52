import Queries
package import Records
package import RoostCore
package import Transport

/// `GET /v1/features`: what whoever asks has, could have, and what it takes.
package struct FeatureRoutes: Sendable {
  private let records: RecordStore
  private let eligibility: Eligibility
  private let gate: Gate?
  private let ambient: Ambient
  private let identify: SyncRoutes.Identify

  package init(
    _ eligibility: Eligibility, _ gate: Gate?, records: RecordStore, ambient: Ambient,
    identify: @escaping SyncRoutes.Identify
  ) {
    self.records = records
    self.eligibility = eligibility
    self.gate = gate
    self.ambient = ambient
    self.identify = identify
  }

  package func add(to router: inout Router) {
    router.add(.get, "/v1/features", body: .buffered(limit: 1024), isClosed: true) { request in
      let matrix = try await matrix(of: try identify(request))
      return GateRoutes.uncached(.json(matrix.json.encoded))
    }
  }

  /// The features as `caller` has them.
  package func matrix(of caller: Caller) async throws -> FeatureMatrix {
    let tiers = eligibility.tiers
    let features = eligibility.features
    let now = ambient.time.now()
    let needsSync = features.contains(where: \.needsSync)
    let need =
      caller.uid == nil
      ? Need(.account, "account", "Sync needs an account: make one, or sign in.")
      : try await needsSync ? gate?.standing(of: caller.uid).next : nil
    let eligibility = eligibility
    let records = records
    let facts = try await records.database.read(.snapshot) { reader in
      var claims: [String: Double] = [:]
      if let account = caller.uid {
        claims = try await GateTable.row(of: account, in: reader)?.claims ?? [:]
      }
      var facts = FeatureFacts(
        tier: try await tiers?.tier(of: caller, records, in: reader) ?? 0, progress: [],
        syncNeed: need)
      for feature in features {
        facts.progress.append(
          try await eligibility.progress(
            feature.requirements, of: caller.uid, claims: claims, records, in: reader, now: now))
      }
      return facts
    }
    return FeatureMatrix(features, tiers: tiers?.names ?? [], facts)
  }
}

package import RoostCore
import Schema
package import SyncProtocol

extension ClientCore {
  /// What `change` gives where nothing leaves the device: no result comes.
  package static let local = ChainHash(high: 0, low: 0)

  /// Makes a change, offline or not: all of its operations or none; gives the `oid` of its
  /// mutation.
  ///
  /// Names and values are those of REST. `base` is filled where a field's strategy compares and the
  /// caller has not; values that never leave the device are kept beside, and `local` is given where
  /// nothing else is changed. `nonce` is 64 random bits, `wall` the wall clock in milliseconds
  /// since 1970. The lane is that of the most urgent tier that is changed, unless one is named.
  ///
  /// The state is to be stored before the app is told that its change is kept, and before a request
  /// is made: the mutation must be on the disk before it is on the way.
  ///
  /// Throws `.invalid` for what no frame may hold, and `.forbidden` on a device that was signed
  /// out.
  @discardableResult
  package mutating func change(
    _ operations: [ClientOperation], nonce: UInt64, wall: Int64, lane: Lane? = nil
  ) throws(RoostError) -> ChainHash {
    guard state != .revoked else {
      throw RoostError(
        .forbidden, "This device was signed out: remove what it holds, and sign in again.")
    }
    guard !operations.isEmpty else {
      throw .invalid("/ops", "required", "A change has at least one operation.")
    }
    let leaving = operations.compactMap { self.leaving($0) }
    let bytes = try OperationBounds.measure(leaving.isEmpty ? operations : leaving)
    touched = []
    let time = clock.tick(wall)
    for operation in operations { keepLocal(operation, at: Stamp(time: time, client: client)) }
    guard !leaving.isEmpty else { return ClientCore.local }
    let mutation = lanes.append(
      leaving, to: lane ?? plan.lane(of: leaving), nonce: nonce, time: time, schema: schema,
      note: Lanes.Note(seen: clock.seen, bytes: bytes, tiers: plan.shownTiers(of: leaving)))
    for operation in leaving {
      if let key = operation.row { touched.insert(key) }
    }
    return mutation.oid
  }

  /// What of an operation leaves the device, with the stamps that it was made on.
  private func leaving(_ operation: ClientOperation) -> ClientOperation? {
    switch operation {
    case .create(let collection, let id, let fields):
      guard let plan = plan[collection] else { return operation }
      if plan.isLocal { return nil }
      return .create(collection: collection, id: id, fields: without(fields, plan))
    case .update(let collection, let id, let fields, let given):
      guard let plan = plan[collection] else { return operation }
      if plan.isLocal { return nil }
      let rest = without(fields, plan)
      if rest.isEmpty, !fields.isEmpty { return nil }
      var base = given.filter { rest[$0.key] != nil }
      let stamps = store.row(RowKey(collection: collection, id: id))?.clocks ?? [:]
      for (name, _) in rest where base[name] == nil {
        if plan.fields[name]?.rule.comparesBase == true { base[name] = stamps[name] }
      }
      return .update(collection: collection, id: id, fields: rest, base: base)
    case .delete(let collection, _):
      return plan.isLocal(collection) ? nil : operation
    case .action, .resolve:
      return operation
    }
  }

  private func without(_ fields: JSONObject, _ plan: CollectionPlan) -> JSONObject {
    guard fields.contains(where: { plan.isLocal($0.key) }) else { return fields }
    return JSONObject(uniqueMembers: fields.members.filter { !plan.isLocal($0.key) })
  }

  /// Keeps the values of an operation that never leave the device.
  private mutating func keepLocal(_ operation: ClientOperation, at stamp: Stamp) {
    guard let key = operation.row, let plan = plan[key.collection] else { return }
    if plan.isLocal {
      var fold = RowFold(local: store.local(key), plan)
      fold.apply(operation, at: stamp)
      store.setLocal(key, fold.fields)
      touched.insert(key)
      return
    }
    switch operation {
    case .create(_, _, let fields), .update(_, _, let fields, _):
      let values = fields.members.filter { plan.isLocal($0.key) }
      guard !values.isEmpty else { return }
      var fold = RowFold(local: store.local(key) ?? JSONObject(), plan)
      fold.apply(
        .update(
          collection: key.collection, id: key.id, fields: JSONObject(uniqueMembers: values),
          base: [:]), at: stamp)
      store.setLocal(key, fold.fields)
      touched.insert(key)
    case .delete, .action, .resolve: break
    }
  }

  /// Goes on with a newer version of the app.
  ///
  /// `lift` gives a mutation's operations in the words of the new version, nil where they are the
  /// same, or stay as they were made: those of another major version are then pushed as of that
  /// one, which the server reads as long as it serves it. The device takes the new lineage
  /// `client`, because a mutation's version is part of its identity; the server knows by the `oid`
  /// what it has taken in. Of another major version the rows come whole once more, in its words.
  ///
  /// To be stored before the next request.
  package mutating func upgrade(
    _ plan: ClientPlan, schema: String, client: UUID,
    lift: (ClientMutation) -> [ClientOperation]? = { _ in nil }
  ) {
    if APIVersion(self.schema)?.major != APIVersion(schema)?.major {
      staging = Staging()
      comparisons = Comparisons()
      streams.beginAnew()
      masks.beginEpoch()
    }
    self.plan = plan
    self.schema = schema
    if case .paused = state { state = .syncing }
    touched = Set(lanes.pending.keys)
    forks += 1
    lanes.fork(as: client, schema: schema, lift: lift)
    touched.formUnion(lanes.pending.keys)
  }
}

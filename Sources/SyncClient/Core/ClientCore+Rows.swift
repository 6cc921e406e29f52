package import RoostCore
package import SyncProtocol

extension ClientCore {
  /// The row as the app shows it, with what is pending; nil where there is none.
  ///
  /// Names and values are those of REST, without `id` and `version`.
  package func row(_ key: RowKey) -> JSONObject? {
    if plan.isLocal(key.collection) { return store.local(key) }
    return visible(key, store.row(key), local: store.local(key))
  }

  /// The rows of a collection as the app shows them.
  package func rows(_ collection: String) -> [UUID: JSONObject] {
    let locals = store.locals(of: collection)
    if plan.isLocal(collection) { return locals }
    let synced = store.rows(of: collection)
    var shown: [UUID: JSONObject] = [:]
    shown.reserveCapacity(synced.count)
    for (id, row) in synced {
      shown[id] = visible(RowKey(collection: collection, id: id), row, local: locals[id])
    }
    for key in lanes.pending.keys where key.collection == collection && synced[key.id] == nil {
      shown[key.id] = visible(key, nil, local: locals[key.id])
    }
    return shown
  }

  /// The ids of the rows that `rows` has, in no order.
  package func ids(_ collection: String) -> [UUID] {
    if plan.isLocal(collection) { return Array(store.locals(of: collection).keys) }
    let synced = store.rows(of: collection)
    var ids: [UUID] = []
    ids.reserveCapacity(synced.count)
    for id in synced.keys {
      let key = RowKey(collection: collection, id: id)
      if lanes.pending[key].map({ isThere(key, isSynced: true, $0) }) ?? true { ids.append(id) }
    }
    for (key, places) in lanes.pending where key.collection == collection {
      if synced[key.id] == nil, isThere(key, isSynced: false, places) { ids.append(key.id) }
    }
    return ids
  }

  /// The rows of a collection as the server has them, without what is pending.
  package func synced(_ collection: String) -> [UUID: JSONObject] {
    store.rows(of: collection).mapValues(\.fields)
  }

  /// A row as the server has it, with the streams that hold it.
  package func stored(_ key: RowKey) -> SyncedRow? { store.row(key) }

  /// The fields that a reference shows; nil for all of them.
  package func fields(shownBy reference: RowReference) -> [String]? {
    masks.fields(reference.mask)
  }

  private func visible(_ key: RowKey, _ synced: SyncedRow?, local: JSONObject?) -> JSONObject? {
    var fields = synced?.fields
    if let places = lanes.pending[key] { fields = folded(key, synced, places) }
    if fields != nil, let local {
      for (name, value) in local { fields?[name] = value }
    }
    return fields
  }

  /// Whether there is such a row with what is pending of it, as `folded` has it: only creates and
  /// deletes decide that.
  private func isThere(_ key: RowKey, isSynced: Bool, _ places: [Lanes.Place]) -> Bool {
    let home = plan[key.collection]?.home ?? .live
    var isThere = isSynced
    for place in places {
      guard let mutation = lanes[place] else { continue }
      for operation in mutation.operations where operation.row == key {
        switch operation {
        case .create: if !isThere { isThere = !lanes.isShown(place, of: key, in: home) }
        case .delete: if isThere { isThere = lanes.isShown(place, of: key, in: home) }
        case .update, .action, .resolve: break
        }
      }
    }
    return isThere
  }

  private func folded(
    _ key: RowKey, _ synced: SyncedRow?, _ places: [Lanes.Place]
  ) -> JSONObject? {
    let collection = plan[key.collection]
    let home = collection?.home ?? .live
    // Values of a slower tier come with their own stream where the row has such, else with the
    // home's.
    let held = Set((synced?.references ?? []).compactMap { streams.tiers[$0.stream] })
    var fold = RowFold(synced, collection)
    // The order of a lane is that of its stamps on the server: what was sent under a clock that was
    // ahead has another stamp there, and what was made since stands over it.
    var latest: [Lane: HybridTime] = [:]
    for place in places {
      guard let mutation = lanes[place] else { continue }
      var time = mutation.stamp.time
      // What was brought once more was made before what stands in front of it.
      if !lanes.isAgain(mutation) {
        time = max(time, HybridTime(rawValue: (latest[place.lane]?.rawValue ?? 0) &+ 1))
        latest[place.lane] = time
      }
      let stamp = Stamp(time: time, client: mutation.stamp.client)
      for operation in mutation.operations where operation.row == key {
        fold.apply(operation, at: stamp) { tier in
          !lanes.isShown(place, of: key, in: held.contains(tier) ? tier : home)
        }
      }
    }
    return fold.fields
  }
}

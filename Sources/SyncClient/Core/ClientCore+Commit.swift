import RoostCore
import SyncProtocol

extension ClientCore {
  /// Takes in the end of an answer.
  mutating func end(_ last: Frame?, _ answer: Answer) -> Outcome {
    switch last {
    case .commit(let commit):
      open(answer)
      guard isWhole(commit, answer) else {
        // What is staged was seen, as behind a `more`: had the server been put back, and come as far
        // again, it would take the rest for known.
        streams.mark = commit.mark ?? streams.mark
        return .more
      }
      apply(commit, answer)
      return .committed
    case .more:
      open(answer)
      breakOff(answer)
      return .more
    case .error(let error): return .ended(error)
    default: return .askAgain
    }
  }

  /// Whether a commit can be applied; what it still lacks is asked for, and the next one brings it.
  private mutating func isWhole(_ commit: Commit, _ answer: Answer) -> Bool {
    // Of a lineage that parted it cannot be told what of it is in these rows: shown now, what is
    // pending might be shown twice. The answer to the new one says it.
    guard answer.asked.client == client else { return false }
    // What is compared was left out of the staging.
    guard comparisons.open.allSatisfy({ commit.heads[$0] == nil }) else { return false }
    let misfits = staging.misfits(held: version).filter { !staging.fetched.contains($0) }
    return misfits.isEmpty
  }

  private mutating func open(_ answer: Answer) {
    if case .gated = state, !answer.isGated { state = .syncing }
  }

  private func version(_ row: Staging.StreamRow) -> Int64? {
    store.row(row.key)?.reference(of: row.stream)?.version
  }

  /// Breaks off a pull of several answers that brings streams whole: they are compared instead.
  private mutating func breakOff(_ answer: Answer) {
    let whole = answer.resync.filter { comparisons.steps[$0] == nil }
    guard !whole.isEmpty, compare(whole) else { return }
    for stream in whole where comparisons.steps[stream] != nil { staging.forget(stream) }
  }

  // MARK: The commit

  /// Applies everything that is staged, in one step with the cursors and the lanes.
  private mutating func apply(_ commit: Commit, _ answer: Answer) {
    let brought = streams.brought(by: commit.heads, tiers: answer.asked.tiers)
    var rowsTouched = release(staging.dropped.union(staging.restarted).union(brought))
    rowsTouched.formUnion(releaseGone())
    var early: Set<RowKey> = []
    for staged in staging.entries {
      put(staged)
      let key = staged.entry.row
      rowsTouched.insert(key)
      let tier = streams.tiers[staged.stream] ?? plan.home(key.collection)
      if !answer.asked.tiers.contains(tier) { early.insert(key) }
    }
    dropMisfits(&rowsTouched)
    streams.commit(heads: commit.heads, dropped: staging.dropped, brought: brought)
    for key in rowsTouched { prune(key) }
    forgetLocals(of: staging.entries)
    touched.formUnion(rowsTouched)
    let plan = plan
    touched.formUnion(
      lanes.commit(commit.last, tiers: answer.asked.tiers, early: early) {
        plan.home($0.collection)
      })
    let returned = stranded.returned(by: staging.entries.map(\.entry)) { id in
      plan.collections.keys.contains { store.row(RowKey(collection: $0, id: id)) != nil }
    }
    for waiting in returned {
      lanes.bringAgain(waiting.mutation, in: waiting.lane, note: waiting.note)
      touched.formUnion(waiting.mutation.operations.compactMap(\.row))
    }
    streams.mark = commit.mark ?? streams.mark
    clock.observe(commit.clock)
    committedAt = clock.now(answer.received)
    staging = Staging()
    comparisons = Comparisons()
  }

  /// Takes away all references of some streams; gives the store.
  private mutating func release(_ whole: Set<Int64>) -> Set<RowKey> {
    var released: Set<RowKey> = []
    for stream in whole {
      for key in store.keys(in: stream) {
        release(key, stream)
        released.insert(key)
      }
    }
    return released
  }

  /// Takes away the references that comparisons have found gone.
  private mutating func releaseGone() -> Set<RowKey> {
    var released: Set<RowKey> = []
    for (stream, leaves) in staging.gone where !leaves.isEmpty {
      for key in store.keys(in: stream) {
        guard let reference = store.row(key)?.reference(of: stream),
          leaves.contains(RangeDigest.leaf(key.collection, key.id, seq: reference.seq))
        else { continue }
        release(key, stream)
        released.insert(key)
      }
    }
    return released
  }

  private mutating func release(_ key: RowKey, _ stream: Int64) {
    guard var row = store.row(key) else { return }
    row.references.removeAll { $0.stream == stream }
    store.set(key, row)
  }

  private mutating func put(_ staged: Staging.Staged) {
    let entry = staged.entry
    guard entry.kind == .put else { return release(entry.row, staged.stream) }
    let reference = RowReference(
      stream: staged.stream, mask: staged.mask, seq: entry.seq, version: entry.version)
    guard var row = store.row(entry.row) else {
      // A patch of nothing: what it changes is asked for, or was taken away.
      guard entry.baseVersion == nil else { return }
      store.set(
        entry.row,
        SyncedRow(fields: entry.fields, clocks: entry.clocks, references: [reference]))
      return
    }
    if let base = entry.baseVersion {
      guard row.reference(of: staged.stream)?.version == base else { return }
    }
    if let index = row.references.firstIndex(where: { $0.stream == staged.stream }) {
      row.references[index] = reference
    } else {
      row.references.append(reference)
    }
    if row.references.count == 1, entry.baseVersion == nil {
      row.fields = entry.fields
      row.clocks = entry.clocks
    } else {
      for (name, value) in entry.fields { row.fields[name] = value }
      for (name, stamp) in entry.clocks { row.clocks[name] = stamp }
    }
    store.set(entry.row, row)
  }

  /// Takes away references whose patches fit nothing though their rows were asked for: the stream
  /// no longer has them.
  private mutating func dropMisfits(_ touched: inout Set<RowKey>) {
    for row in staging.misfits(held: version) where staging.fetched.contains(row) {
      release(row.key, row.stream)
      touched.insert(row.key)
    }
  }

  /// Leaves of a row what the masks of its references show together.
  private mutating func prune(_ key: RowKey) {
    guard var row = store.row(key) else { return }
    guard holdsHome(row, key) else {
      store.set(key, nil)
      return
    }
    if row.references.contains(where: { $0.mask == 0 }) { return }
    var shown: Set<String> = ["createdAt", "updatedAt"]
    for reference in row.references { shown.formUnion(masks.fields(reference.mask) ?? []) }
    if row.fields.contains(where: { !shown.contains($0.key) }) {
      row.fields = JSONObject(uniqueMembers: row.fields.members.filter { shown.contains($0.key) })
    }
    row.clocks = row.clocks.filter { shown.contains($0.key) }
    store.set(key, row)
  }

  /// Whether a stream of the row's home tier holds it; with the last one go its values of slower
  /// tiers.
  private func holdsHome(_ row: SyncedRow, _ key: RowKey) -> Bool {
    guard let plan = plan[key.collection], versions?.current == schema else {
      // Another version of the schema may have moved the tiers.
      return !row.references.isEmpty
    }
    return row.references.contains { streams.tiers[$0.stream] ?? plan.home <= plan.home }
  }

  /// Values that never leave the device go with a row that was deleted, and stay for one that is
  /// only out of sight.
  private mutating func forgetLocals(of entries: [Staging.Staged]) {
    for staged in entries where staged.entry.kind == .delete {
      let key = staged.entry.row
      if store.row(key) == nil, store.local(key) != nil { store.setLocal(key, nil) }
    }
  }
}

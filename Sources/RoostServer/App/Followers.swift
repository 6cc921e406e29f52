package import Records

/// Everything that happens after a change, in one list.
package enum Followers {
  package static func all(_ records: RecordStore) -> [any Follower] {
    [
      CollectionCounter(), RelationKeeper(records), SearchIndexer(records), DerivedKeeper(records),
    ]
  }
}

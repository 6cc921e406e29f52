import Records

/// Everything that happens after a change, in one list.
enum Followers {
  static func all(_ records: Records) -> [any Follower] {
    [CollectionCounter(), RelationKeeper(records)]
  }
}

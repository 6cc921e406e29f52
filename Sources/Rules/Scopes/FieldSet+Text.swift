package import Schema

extension FieldSet {
  /// The mask in a form that outlives changes of the schema: `*` for every member of the collection,
  /// else the names in the order of the alphabet, joined by commas (empty for no member).
  package func text(in collection: Collection) -> String {
    let names = collection.fields.map(\.name) + collection.inverses.map(\.name)
    if isSuperset(of: FieldSet(count: names.count)) { return "*" }
    return names.indices.filter { contains($0) }.map { names[$0] }.sorted().joined(separator: ",")
  }

  /// The mask of a stored text: names that the collection no longer has are left out.
  package init(text: String, in collection: Collection) {
    let names = collection.fields.map(\.name) + collection.inverses.map(\.name)
    if text == "*" {
      self.init(count: names.count)
    } else {
      let listed = Set(text.split(separator: ",").map(String.init))
      self.init(names.indices.filter { listed.contains(names[$0]) })
    }
  }
}

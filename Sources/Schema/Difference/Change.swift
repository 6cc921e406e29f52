/// A value that is another one now.
package struct Change<Value: Sendable>: Sendable {
  package let old: Value
  package let new: Value

  package init(old: Value, new: Value) {
    self.old = old
    self.new = new
  }

  /// The change from one value to the other; nil where they are equal.
  static func between(_ old: Value, _ new: Value) -> Change? where Value: Equatable {
    old == new ? nil : Change(old: old, new: new)
  }
}

/// Whether a bound or a right takes away from what was possible before, or adds to it.
package struct Widening: Sendable, Hashable {
  /// Something that was taken before is refused now.
  package let isNarrowed: Bool
  /// Something that was refused before is taken now.
  package let isWidened: Bool

  package init(isNarrowed: Bool, isWidened: Bool) {
    self.isNarrowed = isNarrowed
    self.isWidened = isWidened
  }

  package static let same = Widening(isNarrowed: false, isWidened: false)

  var level: ChangeLevel { isNarrowed ? .major : isWidened ? .minor : .none }
}

/// One change in words, for a changelog and for a guide to those who have to follow it.
package struct SchemaChange: Sendable, Hashable {
  package let level: ChangeLevel
  /// The route name of the collection, as it is now or was; nil for what belongs to none.
  package let collection: String?
  package let field: String?
  /// A stable name such as `field_removed` or `rules_narrowed`.
  package let code: String
  /// A whole sentence in Markdown.
  package let text: String
  /// What a client does about it, a whole sentence; nil where there is nothing to do.
  package let guidance: String?

  package init(
    _ level: ChangeLevel, _ code: String, collection: String? = nil, field: String? = nil,
    _ text: String, guidance: String? = nil
  ) {
    self.level = level
    self.code = code
    self.collection = collection
    self.field = field
    self.text = text
    self.guidance = guidance
  }
}

/// How collections are named, and which names are taken.
package enum NameRules {
  static let maximumLength = 63
  static let maximumCollections = 500
  static let maximumFields = 500
  static let maximumRoles = 200
  static let maximumEnumValues = 1000
  static let maximumActions = 500
  static let maximumArguments = 100
  /// Input types inside one another.
  static let maximumInputDepth = 8
  /// Fields of one collection that its rules name as owner; what a caller may do is kept as a bit
  /// for each in a word, of which one value stands for everything.
  static let maximumOwners = 63

  /// Route names that belong to Roost's own doors.
  package static let reservedCollectionNames = [
    "auth", "me", "batch", "actions", "graphql", "sync", "realtime", "events", "poll", "state",
    "devices", "activities", "notifications", "files", "jobs", "features", "explain", "admin",
  ]

  /// Fields that every collection has.
  package static let systemFields = ["id", "version", "createdAt", "updatedAt", "deletedAt"]

  /// The system fields and their columns, in lower case.
  private static let takenFieldNames: Set<String> = [
    "id", "version", "createdat", "updatedat", "deletedat", "created_at", "updated_at",
    "deleted_at",
  ]

  /// Words of the rule language that a path could not name.
  private static let ruleWords: Set<String> = ["true", "false", "null", "in", "ctx"]

  /// The type's name in lowerCamelCase made plural, such as `bandMembers` and `categories`.
  ///
  /// Leading capitals fold together (`URLEntry` → `urlEntries`). Plural: `es` after s, x, z, ch and
  /// sh; `y` after a consonant becomes `ies`; else `s`.
  package static func collectionName(ofType type: String) -> String {
    var name = Array(type.utf8)
    let isUpper = { (byte: UInt8) in byte >= 65 && byte <= 90 }
    var index = 0
    while index < name.count, isUpper(name[index]) {
      // The last capital of a run begins the next word.
      let beginsWord =
        index > 0 && index + 1 < name.count && name[index + 1] >= 97 && name[index + 1] <= 122
      if beginsWord { break }
      name[index] |= 0x20
      index += 1
    }
    let text = String(decoding: name, as: UTF8.self)
    let lower = text.lowercased()
    if ["s", "x", "z", "ch", "sh"].contains(where: { lower.hasSuffix($0) }) { return text + "es" }
    if lower.hasSuffix("y"), let before = lower.dropLast().last,
      before.isLetter, !"aeiou".contains(before)
    {
      return String(text.dropLast()) + "ies"
    }
    return text + "s"
  }

  /// Why a collection may not be called so, or nil.
  static func problem(ofCollectionName name: String) -> String? {
    if reservedCollectionNames.contains(name.lowercased()) {
      return "the collection name \(name) belongs to Roost"
    }
    if name.lowercased().hasPrefix("roost"), !(name.dropFirst(5).first?.isLowercase ?? false) {
      return "the collection name \(name.excerpt) begins like Roost's own tables"
    }
    if name.lowercased().hasPrefix("sqlite_") {
      return "the collection name \(name.excerpt) begins like the tables of SQLite itself"
    }
    let bytes = Array(name.utf8)
    guard let first = bytes.first, first >= 97, first <= 122,
      bytes.allSatisfy(Lexer.isNamePart), bytes.count <= maximumLength
    else {
      return "a collection name is a lower-case letter, then letters, digits or underscores, "
        + "\(maximumLength) at most; \"\(name.excerpt)\" is not"
    }
    return nil
  }

  /// Why a field of a collection may not be called so, or nil.
  static func problem(ofFieldName name: String) -> String? {
    if takenFieldNames.contains(name.lowercased()) {
      return "every collection has \(systemFields.joined(separator: ", ")) already; "
        + "choose another name than \(name)"
    }
    if name.hasPrefix("_") {
      return "field names that begin with an underscore belong to Roost"
    }
    if ruleWords.contains(name) {
      return "\(name) is a word of the rule language; choose another name"
    }
    return nil
  }
}

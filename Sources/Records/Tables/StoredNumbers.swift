/// The numbers that collections and fields have in the database, by their names.
struct StoredNumbers: Sendable, Hashable {
  private(set) var collections: [String: Int64] = [:]
  private(set) var fields: [String: [String: UInt32]] = [:]

  func collection(_ name: String) -> Int64 { collections[name] ?? 0 }
  func field(_ collection: String, _ name: String) -> UInt32 { fields[collection]?[name] ?? 0 }

  mutating func set(collection: String, _ number: Int64) { collections[collection] = number }
  mutating func set(_ collection: String, field: String, _ number: UInt32) {
    fields[collection, default: [:]][field] = number
  }
}

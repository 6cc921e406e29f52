import Schema
import Testing

@Suite struct NameTests {
  @Test(arguments: [
    ("Performance", "performances"), ("BandMember", "bandMembers"), ("Category", "categories"),
    ("Day", "days"), ("Box", "boxes"), ("Bus", "buses"), ("Quiz", "quizes"), ("Match", "matches"),
    ("Dish", "dishes"), ("Settings", "settingses"), ("Photo", "photos"), ("URLEntry", "urlEntries"),
    ("API", "apis"), ("A", "as"), ("Y", "ys"), ("X2", "x2s"), ("myThing", "myThings"),
    ("Key", "keys"), ("Hobby", "hobbies"), ("Epoch", "epoches"), ("Soliloquy", "soliloquys"),
  ])
  func aCollectionIsNamedByTheRule(_ type: String, _ name: String) {
    #expect(NameRules.collectionName(ofType: type) == name)
  }

  @Test func aCollectionMayNameItself() throws {
    let model = try SchemaModel.load(source: "type A @collection(name: \"gigs\") { x: Int }")
    #expect(model.collection(named: "gigs")?.typeName == "A")
    #expect(model.collection(named: "as") == nil)
    #expect(model.collection(ofType: "A")?.name == "gigs")
  }

  @Test(arguments: NameRules.reservedCollectionNames)
  func aReservedNameIsRefused(_ name: String) {
    let source = "type A @collection(name: \"\(name)\") { x: Int }"
    #expect(faults(source) == ["1:26 the collection name \(name) belongs to Roost"])
    #expect(faults(source.replacing(name + "\"", with: name + "x\"")) == [])
  }

  @Test(arguments: [
    Misuse(
      "type §Job @collection { x: Int }", "jobs belongs to Roost; choose another",
      good: "type Job @collection(name: \"tasks\") { x: Int }"),
    Misuse(
      "type §Device @collection { x: Int }", "belongs to Roost",
      good: "type Gadget @collection { x: Int }"),
    Misuse(
      "type A @collection(name: §\"Gigs\") { x: Int }", "lower-case letter",
      good: "type A @collection(name: \"gigs\") { x: Int }"),
    Misuse("type A @collection(name: §\"my gigs\") { x: Int }", "lower-case letter"),
    Misuse("type A @collection(name: §\"a/b\") { x: Int }", "lower-case letter"),
    Misuse("type A @collection(name: §\"\") { x: Int }", "lower-case letter"),
    Misuse(
      "type A @collection(name: §\"roost_gigs\") { x: Int }", "begins like Roost's own",
      good: "type A @collection(name: \"roosters\") { x: Int }"),
    Misuse(
      "type A @collection(name: §\"rOOST_gigs\") { x: Int }", "begins like Roost's own",
      good: "type A @collection(name: \"rOOSTgigs\") { x: Int }"),
    Misuse(
      "type A @collection(name: §\"sqlite_gigs\") { x: Int }", "tables of SQLite",
      good: "type A @collection(name: \"sqliteGigs\") { x: Int }"),
    Misuse("type A @collection(name: §\"sQLITE_gigs\") { x: Int }", "tables of SQLite"),
    Misuse(
      "type §SQLite_Gig @collection { x: Int }", "choose another with @collection(name:)",
      good: "type SQLiteGig @collection { x: Int }"),
    Misuse(
      "type A @collection { x: Int } type B @collection(name: §\"as\") { x: Int }",
      "taken by A already", good: "type A @collection { x: Int } type B @collection { x: Int }"),
    Misuse(
      "type A @collection(name: \"aGig\") { x: ID } type B @collection(name: §\"agig\") { x: ID }",
      "differs from that of A by case only"),
    Misuse(
      "type A @collection { x: Int } type §A @collection { x: Int }", "defined at 1:6 already"),
    Misuse(
      "type Gig { x: Int } type §GIG { x: Int }", "differs from Gig by case only",
      good: "type Gig { x: Int } type Gigs { x: Int }"),
    Misuse("type §user { x: Int }", "differs from User by case only"),
    Misuse("enum §DATE { A }", "differs from Date by case only", good: "enum Dates { A }"),
    Misuse("type §RoostThing { x: Int }", "belong to Roost", good: "type RostThing { x: Int }"),
    Misuse("type §__Type { x: Int }", "belong to GraphQL", good: "type _Type { x: Int }"),
    Misuse("type A { §__x: Int }", "belong to GraphQL", good: "type A { _x: Int }"),
    Misuse("enum E { §__A }", "belong to GraphQL", good: "enum E { A__ }"),
    Misuse(
      "type §User @collection { id: ID! }", "built-in account type", good: "type User { id: ID! }"),
    Misuse("type §User { id: ID! name: String }", "built-in account type"),
    Misuse(
      "extend type §User { name: String }", "cannot be extended",
      good: "extend type Query { name: String }"),
    Misuse(
      "enum §Op { READ }", "defined by Roost otherwise",
      good: "enum Op { READ CREATE UPDATE DELETE WRITE ADMIN ALL }"),
    Misuse("type §String { x: Int }", "a scalar of GraphQL", good: "scalar String"),
    Misuse("scalar §Datetime", "did you mean DateTime?", good: "scalar DateTime"),
    Misuse("scalar §Color", "unknown to Roost"),
    Misuse(
      "type Band { x: Int } extend type §Bnad { y: Int }", "did you mean Band?",
      good: "type Band { x: Int } extend type Band { y: Int }"),
    Misuse("type Band { x: Int } extend enum §Band { A }", "cannot be extended as one"),
    Misuse("enum E { A B §A }", "declared at 1:10 already", good: "enum E { A B a }"),
    Misuse("type §A @collection", "has no fields", good: "type A @collection { x: Int }"),
    Misuse("enum §E", "has no values", good: "enum E { A }"),
    Misuse("union §U", "has no members", good: "union U = A type A { x: Int }"),
    Misuse(
      "schema { query: §Reads } type Reads { x: Int }", "is Query in Roost",
      good: "schema { query: Query } type Query { x: Int }"),
    Misuse("schema { query: Query } §schema { query: Query }", "defined twice"),
    Misuse(
      "type A implements §Nmaed { x: Int } interface Named { x: Int }", "did you mean Named?",
      good: "type A implements Named { x: Int } interface Named { x: Int }"),
    Misuse(
      "union U = §Bnad type Band { x: Int }", "did you mean Band?",
      good: "union U = Band type Band { x: Int }"),
    Misuse(
      "type Query { x(a: §Itn): Int }", "unknown type Itn; did you mean Int?",
      good: "type Query { x(a: Int): Int }"),
    Misuse("input I { x: §Strin }", "did you mean String?", good: "input I { x: String }"),
  ])
  func aNameIsRefusedWhereItStands(_ misuse: Misuse) { expectFault(misuse) }

  @Test(arguments: [
    ("version", "has id, version"), ("createdAt", "has id, version"), ("updatedAt", "has id"),
    ("deletedAt", "has id"), ("created_at", "has id"), ("ID", "has id"), ("Version", "has id"),
    ("createdat", "has id"), ("UPDATEDAT", "has id"), ("deletedaT", "has id"),
    ("_x", "underscore"), ("__x", "belong to GraphQL"), ("ctx", "rule language"),
    ("in", "rule language"), ("true", "rule language"),
    (String(repeating: "a", count: 64), "at most 63"),
  ])
  func aFieldMayNotBeCalledSo(_ name: String, _ says: String) {
    let found = faults("type A @collection { \(name): Int }")
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("1:22 ") == true)
    #expect(found.first?.contains(says) == true, "\(found)")
  }

  @Test(arguments: ["versions", "created", "x_", "inn", String(repeating: "a", count: 63), "id"])
  func aFieldMayBeCalledSo(_ name: String) {
    let type = name == "id" ? "ID!" : "Int"
    #expect(faults("type A @collection { \(name): \(type) x: Int }") == [])
  }

  @Test func fieldsDifferByMoreThanCase() {
    #expect(faults("type A @collection { size: Int Size: Int }").first?.hasPrefix("1:32 ") == true)
    #expect(faults("type A @collection { size: Int sizes: Int }") == [])
    #expect(faults("type A @collection { size: Int size: Int }").first?.hasPrefix("1:32 ") == true)
    #expect(faults("type A @collection { id: Int }").count == 1)
  }
}

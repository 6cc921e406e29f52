import Schema
import Testing

@Suite struct ParserTests {
  @Test(arguments: [
    Misuse("§typ A { x: Int }", "did you mean type?"),
    Misuse("§collection A", "expected a definition"),
    Misuse("§query { a }", "belongs in a request"),
    Misuse("§{ a }", "expected a definition"),
    Misuse("type §{ x: Int }", "expected the name of the type, found '{'"),
    Misuse("type A { x§}", "expected ':'"),
    Misuse("type A { x: §}", "expected a type, found '}'"),
    Misuse("type A { §}", "expected a field's name"),
    Misuse("type A { x: [Int §}", "expected ']'"),
    Misuse("type A { x: Int§", "expected a field's name, found the end of the file"),
    Misuse("type A { x: Int!§! }", "expected a field's name"),
    Misuse("type A @§(name: 1)", "expected a directive's name"),
    Misuse("type A @x(§)", "expected an argument's name"),
    Misuse("type A @x(a §1)", "expected ':'"),
    Misuse("type A @x(a: §)", "expected a value"),
    Misuse("type A @x(a: §$v)", "no variables"),
    Misuse("type A @x(a: [1, 2§", "expected ']' at the end of a list"),
    Misuse("type A @x(a: {b: 1, §2})", "expected a name or '}'"),
    Misuse("type A implements §{ x: Int }", "expected an interface's name"),
    Misuse("union U = §", "expected a type's name"),
    Misuse("enum E { A §true }", "may not be called true"),
    Misuse("enum E { §1 }", "expected an enum value"),
    Misuse("directive §x on OBJECT", "expected '@'"),
    Misuse("directive @x§", "expected 'on'"),
    Misuse("directive @x on §OBJET", "did you mean OBJECT?"),
    Misuse("extend §directive @x on OBJECT", "expected a definition"),
    Misuse("\"text\" §extend type A { x: Int }", "no description of its own"),
    Misuse("schema§", "expected '{'"),
    Misuse("schema { §reads: Query }", "'query', 'mutation' or 'subscription'"),
    Misuse("\"text\"§", "expected a definition"),
    Misuse("type A { x(§): Int }", "expected an argument's name"),
  ])
  func aSyntaxFaultIsFoundWhereItIs(_ misuse: Misuse) { expectFault(misuse) }

  @Test func everyDefinitionAndExtensionIsRead() throws {
    let source = """
      schema @deprecatedNot { query: Query mutation: Mutation }
      """
    #expect(faults(source).count == 1)
    let whole = """
      schema { query: Query mutation: Mutation subscription: Subscription }
      extend schema { query: Query }
      "A scalar of the prelude" scalar Date
      interface Named { "the name" name(a: Boolean = true, "why" b: [Int!]! = [1, 2]): String! }
      interface Aged implements Named & Other { name: String! }
      interface Other { name: String! }
      union Found = | Plain | Ticket
      union Lost = Plain
      extend union Lost = Ticket
      input Wanted { name: String! = "a" size: Int = 3 where: Wanted
        flags: [Kind] = [A], point: JSON = {a: {b: null}} }
      extend input Wanted { more: Float = -1.5 }
      enum Kind { "the first" A @deprecated(reason: "old") B }
      extend enum Kind { C }
      type Plain implements & Named & Other { name: String! }
      type Ticket { seat: Int owner: User }
      extend type Ticket { row: Int }
      extend interface Named { nick: String }
      type Query { found(wanted: Wanted!): [Found!]! }
      extend type Mutation { buy(seat: Int!): Gig! @action }
      extend type Mutation { sell(seat: Int!): Gig! @action }
      type Gig @collection @allow(ops: ALL, owner: "owner") { kind: Kind }
      extend type Gig @index(fields: ["kind"]) { owner: User! id: ID! }
      """
    let model = try SchemaModel.load(source: whole, stage: .everything)
    #expect(model.enums.first?.values == ["A", "B", "C"])
    let gig = try #require(model.collections.first)
    #expect(gig.fields.map(\.name) == ["kind", "owner"])
    #expect(gig.indexes.first?.fields == ["kind"])
    #expect(gig.allows.first?.operations == [.read, .create, .update, .delete])
  }

  @Test(arguments: [
    ("type A @x(a: ", "[", 33), ("type A @x(a: ", "{b:", 33), ("type A { x: ", "[", 33),
    ("type A { x(a: Int = ", "[", 33),
  ])
  func nestingIsBounded(_ start: String, _ opening: String, _ depth: Int) {
    let found = faults(start + String(repeating: opening, count: depth))
    #expect(found.count == 1)
    #expect(found.first?.contains("more than 32 nested") == true, "\(found)")
    let shallow = faults(start + String(repeating: opening, count: depth - 1))
    #expect(shallow.first?.contains("nested") == false, "\(shallow)")
  }

  @Test func sizeAndTokensAreBounded() {
    let comment = String(repeating: "#", count: 1_048_576 - 30)
    #expect(faults("type A @collection { x: Int }\n" + comment) == [])
    #expect(
      faults("type A @collection { x: Int }\n" + comment + "#").first?.contains("1 MB") == true)
    let tokens = String(repeating: "scalar Date ", count: 50_000)
    #expect(faults(tokens) == [])
    #expect(faults(tokens + "scalar").first?.contains("100,000 tokens") == true)
  }
}

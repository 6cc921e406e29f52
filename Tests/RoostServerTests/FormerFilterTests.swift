import RoostCore
import Rules
import Schema
import Testing

@testable import REST

private let first = """
  enum Mood { CALM WILD }
  type Note @collection @allow(ops: [ALL], owner: "owner") {
    owner: User!
    text: String!
    size: Int
    count: Int
    mood: Mood
    tags: [String!]
    ranks: [Int!]
    gone: String
    day: DateTime
    band: Band
  }
  type Band @collection @allow(ops: [ALL]) { name: String locked: Boolean }
  """
private let second = """
  enum Mood { CALM }
  type Memo @collection @was(name: "Note") @allow(ops: [ALL], owner: "owner") {
    owner: User!
    body: String! @was(name: "text")
    size: String
    count: Int64
    mood: Mood
    tags: [String!]
    ranks: [Int64!]
    day: String
    group: Group @was(name: "band")
  }
  type Group @collection @was(name: "Band") @allow(ops: [ALL]) {
    title: String @was(name: "name")
    locked: Boolean
  }
  """

private func schema() throws -> FormerSchema {
  let tree = LensTree([
    (APIVersion(1, 0, 0), try SchemaModel.load(source: first)),
    (APIVersion(2, 0, 0), try SchemaModel.load(source: second)),
  ])
  return try #require(tree.former(APIVersion(1, 0, 0)))
}

@Suite("What an older client asks for, in the words of now")
struct FormerFilterTests {
  private func filter(_ text: String) throws -> String {
    let schema = try schema()
    let notes = try #require(schema.collection(named: "notes"))
    return try FormerFilter(schema: schema, collection: notes).text(text)
  }

  private func query(_ text: String) throws -> FormerQuery {
    let schema = try schema()
    let notes = try #require(schema.collection(named: "notes"))
    return try FormerQuery(text, of: notes, in: schema)
  }

  @Test(arguments: [
    ("text == \"a\"", "body == \"a\""),
    ("\"a\" == text", "body == \"a\""),
    ("count>3", "count>3"),
    ("size == 3", "size == \"3\""),
    ("size in [3, 4]", "size in [\"3\", \"4\"]"),
    ("count > 3 && text != null", "(count > 3) && (body != null)"),
    ("band.name == \"x\" || !band.locked", "(group.title == \"x\") || (!group.locked)"),
    ("mood == CALM", "mood == \"CALM\""),
    ("mood == \"WILD\"", "mood != mood"),
    ("mood != WILD", "mood == mood"),
    ("mood in [CALM, WILD]", "mood in [\"CALM\"]"),
    ("mood in [WILD]", "mood != mood"),
    ("\"a\" in tags", "\"a\" in tags"),
    ("owner == ctx.uid && size == null", "owner == ctx.uid && size == null"),
    ("day == \"2026-01-01\"", "day == \"2026-01-01T00:00:00.000Z\""),
    ("text == \"a \\\" \\\\ b\"", "body == \"a \\\" \\\\ b\""),
  ])
  func aFilterIsRewritten(old: String, new: String) throws {
    let written = try filter(old)
    #expect(written == new)
    // What comes of it is a filter of now.
    let model = try SchemaModel.load(source: second)
    let memos = try #require(model.collections.firstIndex { $0.name == "memos" })
    _ = try ExpressionChecker(model: model, collection: memos, scope: .rule)
      .expression(written, .filter)
  }

  @Test(arguments: [
    ("gone == \"a\"", "dropped_field", "2.0.0"),
    ("size > 3", "retyped_field", "2.0.0"),
    ("day < \"2026-01-01\"", "retyped_field", "2.0.0"),
    ("size == count", "retyped_field", "2.0.0"),
    ("mood > \"WILD\"", "type", "mood"),
    ("body == \"a\"", "unknown_field", "body"),
    ("size == \"x\"", "type", "size"),
    ("size ==", "syntax", "character"),
  ])
  func whatCannotBeSaidAnyMoreIsRefused(text: String, code: String, says: String) throws {
    do {
      Issue.record("\(text) became \(try filter(text))")
    } catch let error as RoostError {
      #expect(error.code == .invalid)
      #expect(error.issues.map(\.pointer) == ["?filter"])
      #expect(error.issues.map(\.code) == [code])
      #expect(error.detail.contains(says))
    }
  }

  @Test(arguments: [
    ("sort=-text,id", "sort=-body%2Cid"), ("sort=count", "sort=count"),
    ("fields=text,gone", "fields=body"), ("fields=gone", "fields=id"),
    ("expand=band", "expand=group"), ("limit=5&after=x%20y", "limit=5&after=x%20y"),
    ("filter=text+%3D%3D+null", "filter=body%20%3D%3D%20null"),
  ])
  func aQueryIsRewritten(old: String, new: String) throws {
    #expect(try query(old).text == new)
  }

  @Test(arguments: [
    ("sort=gone", "?sort", "dropped_field"), ("sort=size", "?sort", "retyped_field"),
    ("sort=body", "?sort", "unknown_field"), ("fields=body", "?fields", "unknown_field"),
    ("expand=group", "?expand", "unknown_relation"),
  ])
  func aQueryInOtherWordsIsRefused(text: String, pointer: String, code: String) throws {
    do {
      Issue.record("\(text) became \(try query(text).text ?? "")")
    } catch let error as RoostError {
      #expect(error.issues.map(\.pointer) == [pointer])
      #expect(error.issues.map(\.code) == [code])
    }
  }

  @Test func faultsAreToldInTheOldNames() throws {
    let schema = try schema()
    let notes = try #require(schema.collection(named: "notes"))
    let problem = FormerProblem(schema: schema, collection: notes)
    func former(_ pointer: String, _ code: String, _ message: String) throws -> FieldIssue {
      try #require(problem.former(.invalid(pointer, code, message)).issues.first)
    }
    let body = try former("/body", "max_length", "body has at most 5 characters, in anybody's.")
    #expect(body.pointer == "/text")
    #expect(body.message == "text has at most 5 characters, in anybody's.")
    #expect(try former("/group/0", "reference", "group is gone").pointer == "/band/0")
    #expect(try former("", "check", "Too late.").message == "Too late.")
    // What was of the right type in the older schema is of another now.
    #expect(try former("?filter", "type", "filter: elements of ranks").code == "retyped_field")
    #expect(try former("?filter", "hidden_field", "filter: body").message == "filter: text")
  }

  @Test func whatWasAskedForIsWhatIsShown() throws {
    #expect(try query("fields=text,gone&expand=band").shown == ["id", "text", "gone", "band"])
    #expect(try query("limit=1").shown == nil)
  }
}

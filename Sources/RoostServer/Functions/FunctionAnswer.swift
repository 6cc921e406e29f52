package import HTTPClient
package import Records
package import RoostCore

/// What a function answered, read strictly: `{"mutations": [...], "result": ...}`.
package struct FunctionAnswer: Sendable {
  package static let mostMutations = 1000
  private static let depth = 32

  package let mutations: [ActionMutation]
  /// What an action comes to; nil where the function leaves it to the declared type.
  package let result: JSON?

  package init(mutations: [ActionMutation] = [], result: JSON? = nil) {
    self.mutations = mutations
    self.result = result
  }

  /// The answer of a function; throws for one that cannot be used, with what is wrong.
  package init(_ response: OutgoingResponse) throws(FunctionFailure) {
    if response.body.isEmpty, response.status == 204 || response.status == 202 {
      self.init()
      return
    }
    if let coding = response.header("content-encoding"), coding.lowercased() != "identity" {
      throw FunctionFailure(.answer, "its answer is packed, which was not asked for")
    }
    guard FunctionAnswer.isJSON(response.header("content-type")) else {
      throw FunctionFailure(
        .answer, "its answer is not application/json (an answer without anything is 204)")
    }
    let json: JSON
    do throws(JSONError) {
      json = try JSON.parse(response.body, maxDepth: FunctionAnswer.depth)
    } catch {
      throw FunctionFailure(.answer, "its answer is not JSON: \(error)")
    }
    try self.init(json)
  }

  static func isJSON(_ type: String?) -> Bool {
    guard let type else { return false }
    let name = type.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
    return name == "application/json"
  }

  package init(_ json: JSON) throws(FunctionFailure) {
    guard let object = json.object else {
      throw FunctionFailure(.answer, "its answer is \(json.kind) and no object")
    }
    for (key, _) in object where key != "mutations" && key != "result" {
      throw FunctionFailure(
        .answer, "its answer has \"\(key.prefix(40))\": there are mutations and result")
    }
    result = object["result"]
    guard let given = object["mutations"], !given.isNull else {
      mutations = []
      return
    }
    guard let items = given.array else {
      throw FunctionFailure(.answer, "mutations is no list")
    }
    guard items.count <= FunctionAnswer.mostMutations else {
      throw FunctionFailure(
        .answer, "it has \(items.count) mutations; there may be \(FunctionAnswer.mostMutations)")
    }
    var mutations: [ActionMutation] = []
    mutations.reserveCapacity(items.count)
    for (index, item) in items.enumerated() {
      mutations.append(try FunctionAnswer.mutation(item, "mutations/\(index)"))
    }
    self.mutations = mutations
  }

  private static func mutation(
    _ json: JSON, _ place: String
  ) throws(FunctionFailure) -> ActionMutation {
    func fault(_ text: String) -> FunctionFailure { FunctionFailure(.answer, "\(place) \(text)") }
    guard let object = json.object else { throw fault("is no object") }
    let kinds = [Mutation.Kind.create, .update, .delete].filter { object[$0.word] != nil }
    guard kinds.count == 1, let kind = kinds.first else {
      throw fault("has one of create, update and delete, with the collection's name")
    }
    guard let collection = object[kind.word]?.string else {
      throw fault("names no collection after \(kind.word)")
    }
    var known = [kind.word, "id"]
    if kind != .delete { known.append("values") }
    if kind != .create { known.append("version") }
    for (key, _) in object where !known.contains(key) {
      throw fault("has \"\(key.prefix(40))\": there are \(known.joined(separator: ", "))")
    }
    var id: UUID?
    if let given = object["id"] {
      guard let text = given.string, let uuid = UUID(text) else {
        throw fault("has an id that is no UUID")
      }
      id = uuid
    } else if kind != .create {
      throw fault("lacks id")
    }
    var values = JSONObject()
    if kind != .delete {
      guard let given = object["values"]?.object else {
        throw fault("lacks values, an object")
      }
      values = given
    }
    var version: Int64?
    if let given = object["version"] {
      guard let number = given.int, number > 0 else {
        throw fault("has a version that is no number")
      }
      version = number
    }
    return ActionMutation(kind, collection, id: id, values: values, version: version)
  }
}

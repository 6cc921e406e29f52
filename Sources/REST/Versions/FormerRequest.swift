import RoostCore
import Schema
import Transport

/// A request of an older client, written as one of now, and the way back for what comes of it.
///
/// This is all that is done for older clients: before the one path of reads and writes, and behind it.
/// Rules, masks and constraints are those of now, on records of now.
struct FormerRequest: Sendable {
  let schema: FormerSchema
  /// The collection in the path.
  let collection: FormerCollection
  /// What is asked of now.
  let request: Request
  /// The collection whose records are answered.
  private let answered: FormerCollection
  /// The members that were asked for, nil for all.
  private let shown: Set<String>?
  /// Fields that were sent and that nothing can hold any more.
  private let lost: [String]
  private let isList: Bool
  private let condition: String?

  /// The collection that a path names in the words of an older version; throws 404 where there was
  /// none, and where it is gone.
  static func collection(
    of request: Request, in schema: FormerSchema
  ) throws -> (former: FormerCollection, now: Collection) {
    let name = request.parameters.first ?? ""
    guard let collection = schema.collection(named: name) else {
      throw RoostError(
        .notFound,
        "There is no collection \"\(name.prefix(60))\" in version \(schema.version) of this API.")
    }
    guard let now = collection.now else {
      throw FormerFault.gone("The collection \(name)", since: collection.goneSince)
    }
    return (collection, now)
  }

  /// Reads `request` in the words of `schema`.
  ///
  /// Throws what cannot be said any more, and what is wrong in those words.
  init(_ request: Request, in schema: FormerSchema) throws {
    let (collection, now) = try FormerRequest.collection(of: request, in: schema)
    self.schema = schema
    self.collection = collection
    var parameters = request.parameters
    parameters[0] = now.name
    var answered = collection
    if parameters.count > 2,
      let inverse = collection.old.inverses.first(where: { $0.name == parameters[2] })
    {
      guard let current = schema.currentName(of: inverse, in: collection),
        let target = schema.collection(ofType: inverse.typeName)
      else {
        throw FormerFault.gone(
          "The relation \(inverse.name) of \(collection.old.typeName)", since: schema.current)
      }
      parameters[2] = current
      answered = target
    } else if parameters.count > 2 {
      throw RoostError(
        .notFound,
        "\(collection.old.typeName) has no relation \"\(parameters[2].prefix(60))\" in version "
          + "\(schema.version) of this API.")
    }
    self.answered = answered
    let isRead = request.method == .get || request.method == .head
    isList = isRead && parameters.count != 2
    let query = try FormerQuery(isRead ? request.query : nil, of: answered, in: schema)
    shown = query.shown
    var body = request.body
    var lost: [String] = []
    if request.method == .post || request.method == .patch {
      let former = FormerBody(
        schema: schema, collection: collection, isCreate: request.method == .post)
      let (json, dropped) = try former.forward(try JSONBody.read(request))
      body = json.encoded
      lost = dropped
    }
    self.lost = lost
    condition = isRead && !isList ? request.header("if-none-match") : nil
    self.request = Request(
      method: request.method, path: request.path, query: isRead ? query.text : request.query,
      requestID: request.requestID, remoteAddress: request.remoteAddress,
      isSecure: request.isSecure,
      head: FormerHead(head: request.head), body: body, parameters: parameters)
  }

  // MARK: Back

  /// The answer in the words of the older version.
  func answer(_ response: Response) -> Response {
    guard response.status < 300 else { return response }
    var answer = Response(status: response.status, contentType: response.contentType)
    for field in response.headers.fields {
      switch field.name {
      case "ETag": answer.headers.add("ETag", FormerAnswer.tag(field.value, schema))
      case "Location": answer.headers.add("Location", location(field.value))
      default: answer.headers.add(field.name, field.value)
      }
    }
    var lost = Set(lost)
    if case .bytes(let bytes) = response.body {
      // What was answered may be nested deeper than what may be sent, by records within records.
      guard let json = try? JSON.parse(bytes, maxDepth: 256) else {
        return .problem(
          RoostError(.internalError, "The answer cannot be read."), requestID: request.requestID)
      }
      let records = FormerAnswer(schema: schema)
      let body =
        isList
        ? records.list(json, of: answered, shown, &lost)
        : records.record(json, of: answered, shown, &lost)
      answer.body = .bytes(body.encoded)
    }
    if !lost.isEmpty {
      answer.headers.set("Roost-Lost", lost.sorted().joined(separator: ", "))
    }
    if let condition, let tag = answer.headers["ETag"], EntityTag.list(condition, holds: tag) {
      var known = Response(status: 304)
      known.headers.set("ETag", tag)
      return known
    }
    return answer
  }

  private func location(_ path: String) -> String {
    guard let id = path.split(separator: "/").last else { return path }
    return "/v1/\(collection.old.name)/\(id)"
  }

  /// A refusal in the words of the older version.
  func refusal(_ error: RoostError) -> RoostError {
    FormerProblem(schema: schema, collection: answered).former(error)
  }
}

/// The head of a request that was read in the words of an older version, without what was dealt with.
private struct FormerHead: RequestHead {
  let head: any RequestHead

  func field(_ name: StaticString) -> String? {
    switch "\(name)" {
    // Tags of an older version are its own.
    case "roost-version", "if-none-match": nil
    default: head.field(name)
    }
  }
}

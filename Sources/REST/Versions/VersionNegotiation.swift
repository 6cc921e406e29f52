import RoostCore
package import Schema
package import Transport

/// Says with each answer which version of the API it comes from, and what of it is on its way out.
///
/// A client that sends `Roost-Version` hears whether something broke since. Every version is served by
/// the same routes; what they read and answer for older ones is `FormerVersions`'.
package struct VersionNegotiation: AnswerMark {
  private let current: APIVersion
  private let text: String
  private let known: [APIVersion]
  private let notices: [String: DeprecationNotice]
  /// The collection of a relation's records by `collection/relation`.
  private let relations: [String: String]
  private let formers: FormerVersions

  /// `known` are the versions that were served, the current one last; `notices` are by collection, or
  /// by `actions/` and an action's name, and `relations` lead from `collection/relation` to the collection of its records.
  package init(
    known: [APIVersion], notices: [String: DeprecationNotice], relations: [String: String],
    formers: FormerVersions = .none
  ) {
    self.formers = formers
    self.known = known
    current = known.last ?? .first
    text = current.description
    self.notices = notices
    self.relations = relations
  }

  package func refusal(of request: Request) -> Response? {
    guard let wanted = request.header("roost-version") else { return nil }
    do throws(RoostError) {
      _ = try compatibility(wanted)
      return nil
    } catch {
      return .problem(error, requestID: request.requestID)
    }
  }

  package func mark(_ response: inout Response, of request: Request) {
    response.headers.add("Roost-Version", text)
    if let wanted = request.header("roost-version"), let words = try? compatibility(wanted) {
      response.headers.add("Roost-Compatibility", words)
    }
    guard !notices.isEmpty, request.path.hasPrefix("/v1/") else { return }
    // The end of one collection is enough: the fields may come once.
    let names = collections(request.path, formers.schema(of: request))
    guard let name = names.first(where: { notices[$0] != nil }) else { return }
    for field in notices[name]?.fields ?? [] { response.headers.add(field.name, field.value) }
  }

  /// The collections that a path such as `/v1/bands/{id}/members` concerns, by their names of now.
  private func collections(_ path: String, _ schema: FormerSchema?) -> [String] {
    let parts = path.split(separator: "/", maxSplits: 4)
    guard parts.count > 1 else { return [] }
    var name = String(parts[1])
    if name == "actions" { return parts.count == 3 ? ["actions/" + parts[2]] : [] }
    var relation = parts.count == 4 ? String(parts[3]) : nil
    if let schema, let former = schema.collection(named: name), let now = former.now {
      name = now.name
      relation = former.old.inverses.first { $0.name == relation }
        .flatMap { schema.currentName(of: $0, in: former) }
    }
    guard let relation, let target = relations[name + "/" + relation] else { return [name] }
    return [name, target]
  }

  /// What is said to a client that was written for `wanted`.
  ///
  /// Throws `.malformed` for what is no version, one that is later than the current one, and one that
  /// never was.
  func compatibility(_ wanted: String) throws(RoostError) -> String {
    guard let numbers = APIVersion.numbers(wanted) else {
      throw refusal(
        "Roost-Version is a version such as \(current), not \"\(wanted.prefix(40))\".", "format")
    }
    guard let asked = APIVersion.asked(wanted, among: known) else {
      let isLater =
        APIVersion(
          numbers[0], numbers.count > 1 ? numbers[1] : 0, numbers.count > 2 ? numbers[2] : 0)
        > current
      throw refusal(
        isLater
          ? "This server serves version \(current) of the API, and not \(wanted) yet: use an older "
            + "client, or a newer server."
          : "There never was a version \(wanted) of this API; the current one is \(current).",
        "unknown_version")
    }
    guard asked.major < current.major else { return "full" }
    let breaking = Set(known.map(\.major)).filter { $0 > asked.major }.sorted()
      .map { "\($0).0.0" }.joined(separator: ", ")
    return "partial; version=\"\(asked)\"; breaking=\"\(breaking)\""
  }

  private func refusal(_ message: String, _ code: String) -> RoostError {
    RoostError(
      .malformed, message,
      issues: [FieldIssue(pointer: "Roost-Version", code: code, message: message)])
  }
}

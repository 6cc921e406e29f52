import RoostCore
import Schema

/// The parameters of requests, with the limits that the routes keep.
enum RequestParameters {
  private static let systemFields = ["id", "version", "createdAt", "updatedAt"]

  /// Those of the current major version, which this document describes.
  private static func current(_ versions: [APIVersion]) -> [APIVersion] {
    versions.filter { $0.major == versions.last?.major }
  }

  /// The parameters that several operations share, for `components/parameters`.
  static func components(versions: [APIVersion]) -> [(String, JSON)] {
    [
      (
        "id",
        [
          "name": "id", "in": "path", "required": true, "schema": TypeSchema.uuid,
          "description": "The id of a record.",
        ]
      ),
      (
        "Roost-Version",
        header(
          "Roost-Version",
          ["type": "string", "enum": .texts(current(versions).map(\.description))],
          "The version that the client was written for. Of an older major version, paths, bodies and "
            + "answers are those of then, and not of this document; a later one than the server's is "
            + "400.")
      ),
      (
        "Idempotency-Key",
        header(
          "Idempotency-Key",
          ["type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"],
          "The write is done once, however often it is sent with this key within a day.")
      ),
      (
        "If-Match",
        header(
          "If-Match", ["type": "string"], "ETags of the versions that may be changed, or `*`.")
      ),
      (
        "If-None-Match",
        header("If-None-Match", ["type": "string"], "ETags that need not be sent again: 304.")
      ),
      (
        "limit",
        query(
          "limit", ["type": "integer", "minimum": 1, "maximum": 200, "default": 50],
          "Records of a page.")
      ),
      ("after", query("after", ["type": "string"], "`next` of the page before.")),
      (
        "count",
        query(
          "count", ["type": "string", "enum": ["none", "estimated", "exact"], "default": "none"],
          "Whether to count what the list holds.")
      ),
      (
        "search",
        query(
          "search", ["type": "string", "minLength": 1, "maxLength": 200],
          "Words that the records hold: `blue moon`, `mo*`, `\"blue moon\"`.")
      ),
    ]
  }

  static func shared(_ name: String) -> JSON { .reference("parameters/" + name) }

  private static func header(_ name: String, _ schema: JSON, _ description: String) -> JSON {
    [
      "name": .string(name), "in": "header", "schema": schema, "description": .string(description),
    ]
  }

  private static func query(_ name: String, _ schema: JSON, _ description: String) -> JSON {
    [
      "name": .string(name), "in": "query", "schema": schema, "description": .string(description),
    ]
  }

  /// `If-Match`, which a REJECT collection cannot do without.
  static func condition(_ collection: Collection) -> JSON {
    guard collection.merge == .reject else { return shared("If-Match") }
    return header(
      "If-Match", ["type": "string"],
      "The ETag of the version that the change is based on, or `*`."
    ).with(("required", true))
  }

  /// `fields` and `expand`.
  static func shown(_ collection: Collection) -> [JSON] {
    let names = systemFields + collection.fields.map(\.name)
    var parameters: [JSON] = [
      list(
        "fields", ["type": "string", "enum": .texts(names)], most: 100,
        "The fields to answer; `id` is always among them.")
    ]
    let relations =
      collection.fields.filter { field in
        if case .reference = field.type { !field.isList } else { false }
      }.map(\.name) + collection.inverses.map(\.name)
    if !relations.isEmpty {
      let pattern =
        "^(?:" + relations.joined(separator: "|") + ")(?:\\.[A-Za-z][A-Za-z0-9_]*){0,2}$"
      parameters.append(
        list(
          "expand", ["type": "string", "pattern": .string(pattern)], most: 100,
          "Relations whose records stand in the place of their ids, at most three one behind the other."
        ).with(("example", [.string(relations[0])])))
    }
    return parameters
  }

  /// All parameters of a list.
  static func list(_ collection: Collection) -> [JSON] {
    let ordered = collection.fields.filter { $0.isSortable }.map(\.name)
    let keys = (systemFields + ordered).flatMap { [$0, "-" + $0] }
    var parameters: [JSON] = [
      query(
        "filter", ["type": "string", "minLength": 1, "maxLength": 2000],
        "A condition in the language of rules, at most 50 names, values and operators."
      ).with(("example", "createdAt >= \"2025-01-01T00:00:00Z\"")),
      list(
        "sort", ["type": "string", "enum": .texts(keys)], most: 4,
        "The order; `-` is descending. Ties are broken by `id`."),
      shared("limit"), shared("after"), shared("count"),
    ]
    if collection.fields.contains(where: \.isSearchable) { parameters.append(shared("search")) }
    return parameters + shown(collection)
  }

  private static func list(
    _ name: String, _ items: JSON, most: Int64, _ description: String
  ) -> JSON {
    query(
      name, ["type": "array", "items": items, "minItems": 1, "maxItems": .int(most)], description
    ).with(("style", "form"), ("explode", false))
  }
}

extension Field {
  /// Whether lists can be in the order of this field's values.
  fileprivate var isSortable: Bool {
    guard !isList, encryption == nil else { return false }
    switch type {
    case .json, .geoPoint, .file: return false
    default: return true
    }
  }
}

import Generate
import REST
import Records
import RoostCore
import Schema

/// What an app says about its own API: documents, versions, and what is on its way out.
struct AppDescription: Sendable {
  private let app: App
  private let model: SchemaModel
  private let history: SchemaHistory

  init(_ app: App) {
    self.app = app
    model = app.records.catalogue.model
    history = SchemaHistory(database: app.database)
  }

  func routes(isDevelopment: Bool) -> DescriptionRoutes {
    let model = model
    let versions = app.versions.map(\.version)
    return DescriptionRoutes(
      openAPI: { OpenAPIDocument(model, versions: versions).bytes },
      changelog: { Array(try await changelog().changelog.utf8) },
      guide: { Array(try await changelog().guide.utf8) }, isDevelopment: isDevelopment)
  }

  private func changelog() async throws -> APIChangelog {
    let releases = try await history.releases()
    return APIChangelog(
      releases.map { APIRelease(version: $0.entry.version, at: $0.entry.at, model: $0.model) })
  }

  /// What every answer says about versions.
  var negotiation: VersionNegotiation {
    var relations: [String: String] = [:]
    for collection in model.collections {
      for inverse in collection.inverses {
        relations[collection.name + "/" + inverse.name] =
          model.collection(ofType: inverse.typeName)?.name
      }
    }
    return VersionNegotiation(
      known: app.versions.map(\.version), notices: notices, relations: relations,
      formers: app.formers)
  }

  /// By collection, and by `actions/` and the name of an action: the earliest day of all that is
  /// deprecated in it, and the earliest end.
  private var notices: [String: DeprecationNotice] {
    var notices: [String: DeprecationNotice] = [:]
    for collection in model.collections {
      guard let since = app.retirements.since(collection) else { continue }
      let all =
        [collection.deprecation].compactMap { $0 } + collection.fields.compactMap(\.deprecation)
      let successor = collection.deprecation?.successor.map { "/v1/" + $0 }
      notices[collection.name] = DeprecationNotice(
        since: since, sunset: all.compactMap(\.sunset).min().map(Timestamp.init(startOf:)),
        successor: successor)
    }
    for action in model.actions {
      guard let since = app.retirements.since(action) else { continue }
      let all = Retirements.parts(action).map(\.1)
      notices["actions/" + action.name] = DeprecationNotice(
        since: since, sunset: all.compactMap(\.sunset).min().map(Timestamp.init(startOf:)),
        successor: action.deprecation?.successor.map { "/v1/actions/" + $0 })
    }
    return notices
  }
}

/// Since when the parts of a schema are deprecated.
struct Retirements: Sendable {
  /// By `collection` and `collection.field`, `actions/name` and `actions/name.argument`: when it was first served as deprecated, without a break.
  private let served: [String: Timestamp]

  /// Reads the history only where the schema leaves out a day.
  init(of schema: SchemaModel, in history: SchemaHistory) async throws {
    var open: Set<String> = []
    for (name, deprecation) in Retirements.parts(schema)
    where deprecation.since == nil { open.insert(name) }
    var served: [String: Timestamp] = [:]
    if !open.isEmpty {
      for (entry, model) in try await history.releases().reversed() {
        let then = Set(Retirements.parts(model).map(\.0))
        open.formIntersection(then)
        for name in open { served[name] = entry.at }
      }
    }
    self.served = served
  }

  /// The earliest day of all that is deprecated in a collection; nil where nothing is.
  func since(_ collection: Collection) -> Timestamp? {
    since(Retirements.parts(collection))
  }

  /// The earliest day of all that is deprecated in an action and its arguments; nil where nothing is.
  func since(_ action: ActionDeclaration) -> Timestamp? { since(Retirements.parts(action)) }

  private func since(_ parts: [(String, Deprecation)]) -> Timestamp? {
    parts.compactMap { name, deprecation in
      deprecation.since.map(Timestamp.init(startOf:)) ?? served[name]
    }.min()
  }

  private static func parts(_ schema: SchemaModel) -> [(String, Deprecation)] {
    schema.collections.flatMap(Retirements.parts) + schema.actions.flatMap(Retirements.parts)
  }

  static func parts(_ action: ActionDeclaration) -> [(String, Deprecation)] {
    let name = "actions/" + action.name
    return (action.deprecation.map { [(name, $0)] } ?? []) + parts(action.arguments, name)
  }

  /// Those of arguments, and of the fields of input types among them.
  private static func parts(
    _ arguments: [ActionArgument], _ place: String
  ) -> [(String, Deprecation)] {
    arguments.flatMap { argument in
      let name = place + "." + argument.name
      var parts = argument.deprecation.map { [(name, $0)] } ?? []
      if case .input(let input) = argument.content { parts += Self.parts(input.fields, name) }
      return parts
    }
  }

  private static func parts(_ collection: Collection) -> [(String, Deprecation)] {
    var parts: [(String, Deprecation)] = []
    if let deprecation = collection.deprecation { parts.append((collection.name, deprecation)) }
    for field in collection.fields {
      if let deprecation = field.deprecation {
        parts.append((collection.name + "." + field.name, deprecation))
      }
    }
    return parts
  }
}

extension Timestamp {
  /// The first moment of a day in UTC.
  fileprivate init(startOf day: CalendarDate) {
    self.init(milliseconds: day.daysSince1970 * 86_400_000)
  }
}

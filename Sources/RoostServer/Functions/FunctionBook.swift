import HTTPClient
import RoostCore
package import Schema

/// The functions of an app, from its settings and its schema.
package struct FunctionBook: Sendable {
  package let functions: [AppFunction]
  package let allowsLoopback: Bool

  package static let empty = FunctionBook()

  private init() {
    functions = []
    allowsLoopback = false
  }

  /// Checks the functions of `settings` against `schema` and reads their keys.
  ///
  /// Outside of development requests go by https to public addresses alone. Throws
  /// `Settings.Failure` with file, line and column.
  package init(
    _ settings: Settings, _ schema: SchemaModel, isDevelopment: Bool
  ) throws(Settings.Failure) {
    allowsLoopback = settings.boolean(SettingKeys.functionsLoopback)
    guard isDevelopment || !allowsLoopback else {
      throw Settings.Failure(
        description: "functions.allowLoopback is for roost dev alone: roost serve calls public "
          + "addresses; take the setting out")
    }
    var functions: [AppFunction] = []
    for setting in settings.functions {
      functions.append(try FunctionBook.function(setting, schema, isDevelopment))
    }
    self.functions = functions
  }

  /// Why `roost serve` would refuse the functions; nil where it takes them.
  package static func refusal(_ settings: Settings, _ schema: SchemaModel) -> String? {
    do throws(Settings.Failure) {
      _ = try FunctionBook(settings, schema, isDevelopment: false)
      return nil
    } catch {
      return error.description
    }
  }

  package func function(named name: String) -> AppFunction? { functions.first { $0.name == name } }

  private static func function(
    _ setting: FunctionSetting, _ schema: SchemaModel, _ isDevelopment: Bool
  ) throws(Settings.Failure) -> AppFunction {
    guard isDevelopment || setting.url.isSecure else {
      throw setting.failure(
        setting.urlPlace, "url: roost serve calls functions by https:// alone")
    }
    let roles = try roles(setting, schema)
    return AppFunction(
      name: setting.name, url: setting.url, signer: try signer(setting),
      occasion: try occasion(setting, schema), roles: roles,
      timeoutMilliseconds: setting.timeoutMilliseconds, retries: setting.retries,
      concurrency: setting.concurrency, requiresSignedAnswers: setting.requiresSignedAnswers,
      isPublic: setting.isPublic)
  }

  private static func roles(
    _ setting: FunctionSetting, _ schema: SchemaModel
  ) throws(Settings.Failure) -> Set<String> {
    let known = schema.roles?.names ?? []
    for role in setting.roles where !known.contains(role.name) {
      throw setting.failure(
        role.place,
        "the schema has no role \"\(role.name.prefix(60))\""
          + Schema.didYouMean(role.name, among: known))
    }
    return Set(setting.roles.map(\.name))
  }

  private static func occasion(
    _ setting: FunctionSetting, _ schema: SchemaModel
  ) throws(Settings.Failure) -> AppFunction.Occasion {
    switch setting.occasion {
    case .action:
      guard schema.action(named: setting.name) != nil else {
        throw setting.failure(
          setting.place,
          "the schema declares no action \"\(setting.name)\""
            + Schema.didYouMean(setting.name, among: schema.actions.map(\.name))
            + "; declare it: extend type Mutation { \(setting.name): Boolean! @action }")
      }
      return .action
    case .schedule(let expression, let zone): return .schedule(expression, zone)
    case .changes(let changes):
      let known = schema.collections.map(\.name)
      var result: Set<AppFunction.Change> = []
      for change in changes {
        if let view = schema.collections.first(where: { $0.name == change.collection })?.view {
          throw setting.failure(
            change.place,
            "\(change.collection) is a view, which the server keeps of \(view.typeName): changes of "
              + "a view call no function; follow the collection of \(view.typeName)")
        }
        guard known.contains(change.collection) else {
          throw setting.failure(
            change.place,
            "the schema has no collection \"\(change.collection.prefix(60))\""
              + Schema.didYouMean(change.collection, among: known))
        }
        result.insert(
          AppFunction.Change(collection: change.collection, operation: change.operation))
      }
      return .changes(result)
    }
  }

  // MARK: Keys

  private static func signer(_ setting: FunctionSetting) throws(Settings.Failure) -> FunctionSigner
  {
    var secrets: [Secret<String>] = []
    for source in setting.secrets {
      let secret = try secret(source, of: setting)
      // Each by itself, so that the message can say which one.
      guard FunctionSigner([secret]) != nil else {
        throw setting.failure(
          source.place,
          "the key is no whsec_ with base 64, or has fewer than "
            + "\(FunctionSigner.fewestBytes) bytes; make one with: openssl rand -base64 32")
      }
      secrets.append(secret)
    }
    guard let signer = FunctionSigner(secrets) else {
      throw setting.failure(setting.place, "the function \(setting.name) has no key")
    }
    return signer
  }

  private static func secret(
    _ source: FunctionSetting.SecretSource, of setting: FunctionSetting
  ) throws(Settings.Failure) -> Secret<String> {
    switch source.origin {
    case .environment(let name):
      guard let given = source.given, !given.reveal().isEmpty else {
        throw setting.failure(source.place, "the environment has no variable \(name.prefix(100))")
      }
      return given
    case .file(let path):
      // Relative to the file that names it.
      let folder = setting.file.lastIndex(of: "/").map { setting.file[...$0] } ?? ""
      let whole = path.hasPrefix("/") ? path : folder + path
      let bytes: [UInt8]
      do throws(FileBytes.Failure) {
        bytes = try FileBytes.read(whole, limit: 4096)
      } catch {
        throw setting.failure(source.place, "\(whole): \(error.reason)")
      }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw setting.failure(source.place, "\(whole): the key is not text; write it in base 64")
      }
      let trimmed = text.split(whereSeparator: \.isWhitespace)
      guard trimmed.count == 1, let key = trimmed.first else {
        throw setting.failure(source.place, "\(whole): a file holds one key and nothing else")
      }
      return Secret(String(key))
    }
  }
}

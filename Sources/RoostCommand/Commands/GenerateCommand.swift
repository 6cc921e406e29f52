import Generate
import Glibc
import RoostCore
import RoostServer
import Schema

/// `roost generate`: makes descriptions of an app from its schema.
struct GenerateCommand: Command {
  let name = "generate"
  let summary = "make OpenAPI, the schema, documentation or a changelog from a schema"
  let operands = "openapi|graphql|docs|changelog DIR"
  let options =
    [
      Option(
        "--out", "PATH", "the file (openapi, graphql) or the folder (docs, changelog) to write"),
      Option("--check", nil, "write nothing; exit 1 where what is there is out of date"),
      Option("--api-version", "VERSION", "openapi: the version to name (1.0.0)"),
      Option("--from", "FILE", "changelog: the schema of before"),
      Option("--to", "FILE", "changelog: the schema of now"),
      Option("--data", "DATA", "changelog: the data folder with the history"),
    ] + ServerSession.databaseOptions
  let discussion = """
    openapi    OpenAPI 3.1, as the server answers it at /openapi.json
    graphql    the schema for tools of GraphQL: whole, with the scalars and directives that it uses
    docs       the data dictionary, data-dictionary.md; --out is DIR/docs where it is left out
    changelog  CHANGELOG.md and MIGRATING.md of the API: from the history in DATA (DIR/.roost), which
               no server may be using, or from two files by --from and --to, without DIR

    What has no --out goes to standard output.
    """

  private struct File {
    let name: String
    let text: String
  }

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard let kind = arguments.operands.first else {
      throw Arguments.Failure(description: "say what to make: roost generate openapi DIR")
    }
    let kinds = ["openapi", "graphql", "docs", "changelog"]
    guard kinds.contains(kind) else {
      throw Arguments.Failure(
        description: "there is no \(kind) to make; there are: "
          + kinds.joined(separator: ", ") + didYouMean(kind, among: kinds))
    }
    if kind == "changelog" { return try await changelog(arguments) }
    for option in ["--from", "--to", "--data"] where arguments.has(option) {
      throw Arguments.Failure(description: "\(option) belongs to changelog")
    }
    let folder = try folder(arguments)
    let schema = try folder.schema()
    switch kind {
    case "openapi":
      let version = try version(arguments)
      let text = String(
        decoding: OpenAPIDocument(schema, versions: [version]).bytes, as: UTF8.self)
      return try single(text + "\n", arguments)
    case "graphql": return try single(SchemaPrinter.text(of: schema), arguments)
    default:
      return try write(
        [File(name: "data-dictionary.md", text: DataDictionary(schema).markdown)],
        to: arguments["--out"] ?? folder.path + "/docs", arguments)
    }
  }

  private func folder(_ arguments: Arguments) throws -> AppFolder {
    guard arguments.operands.count == 2 else {
      throw Arguments.Failure(
        description: "name one app folder: roost generate \(arguments.operands[0]) DIR")
    }
    return AppFolder(arguments.operands[1])
  }

  private func version(_ arguments: Arguments) throws -> APIVersion {
    guard let text = arguments["--api-version"] else { return .first }
    guard let version = APIVersion(text) else {
      throw Arguments.Failure(description: "--api-version is a version such as 1.2.0, not \(text)")
    }
    return version
  }

  // MARK: The changelog

  private func changelog(_ arguments: Arguments) async throws -> Int32 {
    let releases =
      if arguments.has("--from") || arguments.has("--to") {
        try compared(arguments)
      } else {
        try await stored(arguments)
      }
    let log = APIChangelog(releases)
    let files = [
      File(name: "CHANGELOG.md", text: log.changelog), File(name: "MIGRATING.md", text: log.guide),
    ]
    guard let out = arguments["--out"] else {
      guard !arguments.has("--check") else {
        throw Arguments.Failure(description: "--check needs --out: the folder to compare with")
      }
      for file in files { Console.print(file.text) }
      return ExitStatus.success
    }
    return try write(files, to: out, arguments)
  }

  private func compared(_ arguments: Arguments) throws -> [APIRelease] {
    guard let from = arguments["--from"], let to = arguments["--to"] else {
      throw Arguments.Failure(description: "name both files: --from OLD --to NEW")
    }
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "--from and --to stand in the place of DIR")
    }
    let (old, new) = (try AppFolder.schema(at: from), try AppFolder.schema(at: to))
    let level = SchemaDifference(from: old, to: new).level
    let before = APIRelease(version: .first, at: nil, model: old)
    guard level != .none else { return [before] }
    return [before, APIRelease(version: APIVersion.first.next(level), at: nil, model: new)]
  }

  private func stored(_ arguments: Arguments) async throws -> [APIRelease] {
    let folder = try folder(arguments)
    let settings = try ServerSession.settings(folder, arguments)
    let data = arguments["--data"] ?? folder.path + "/.roost"
    do {
      try ServedApp.require(data, settings, arguments)
    } catch let error as RoostError {
      throw AppFolder.Failure(description: error.detail)
    }
    let quiet = Ambient(logger: Logger(level: .error, format: .text))
    return try await App.releases(data: data, settings: settings, ambient: quiet).map {
      APIRelease(version: $0.entry.version, at: $0.entry.at, model: $0.model)
    }
  }

  // MARK: Writing

  private func single(_ text: String, _ arguments: Arguments) throws -> Int32 {
    guard let out = arguments["--out"] else {
      guard !arguments.has("--check") else {
        throw Arguments.Failure(description: "--check needs --out: the file to compare with")
      }
      Console.print(text.hasSuffix("\n") ? String(text.dropLast()) : text)
      return ExitStatus.success
    }
    return try put(text, at: out, arguments)
  }

  private func write(_ files: [File], to folder: String, _ arguments: Arguments) throws -> Int32 {
    if !arguments.has("--check"), !FileBytes.isFolder(folder), mkdir(folder, 0o755) != 0 {
      throw AppFolder.Failure(
        description: "\(folder): cannot be made: \(String(cString: strerror(errno)))")
    }
    var status = ExitStatus.success
    for file in files {
      status = max(status, try put(file.text, at: folder + "/" + file.name, arguments))
    }
    return status
  }

  private func put(_ text: String, at path: String, _ arguments: Arguments) throws -> Int32 {
    let bytes = Array(text.utf8)
    let there = try? FileBytes.read(path, limit: 67_108_864)
    if arguments.has("--check") {
      if there == bytes { return ExitStatus.success }
      Console.note(
        there == nil
          ? "\(path): is not there; make it by the same command without --check"
          : "\(path): is out of date; make it anew by the same command without --check")
      return ExitStatus.failure
    }
    guard there != bytes else { return ExitStatus.success }
    try FileBytes.write(bytes, to: path)
    Console.note("wrote \(path)")
    return ExitStatus.success
  }
}

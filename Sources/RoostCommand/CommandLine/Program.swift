import Glibc
import RoostServer
import Schema

/// The program: finds the command and runs it.
@main struct Program {
  static func main() async {
    Signals.prepare()
    exit(await run(Array(CommandLine.arguments.dropFirst())))
  }

  private static func run(_ words: [String]) async -> Int32 {
    guard let name = words.first, name != "--help", name != "-h", name != "help" else {
      Help.all.forEach(Console.print)
      return words.isEmpty ? ExitStatus.usage : ExitStatus.success
    }
    if name == "--version" || name == "version" {
      Console.print("roost \(Version.current)")
      return ExitStatus.success
    }
    guard let command = Commands.all.first(where: { $0.name == name }) else {
      let hint =
        Schema.nearest(name, among: Commands.all.map(\.name)).map { "; did you mean \($0)?" } ?? ""
      Console.note("roost: unknown command \"\(name)\"\(hint)\nroost --help lists the commands")
      return ExitStatus.usage
    }
    let rest = Array(words.dropFirst())
    if rest.contains("--help") || rest.contains("-h") {
      Help.of(command).forEach(Console.print)
      return ExitStatus.success
    }
    do {
      return try await command.run(try Arguments(rest, command.options))
    } catch {
      return Failure.report(error, command: command.name)
    }
  }
}

/// The version of this program, in the terms of semantic versioning.
enum Version {
  static let current = "0.1.0"
}

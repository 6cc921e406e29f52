import Glibc
package import RoostServer
import Schema

/// The command line: finds the command and runs it.
package enum Program {
  /// Runs the command that the process was started with, and ends the process.
  ///
  /// `extensions` are the handlers of an app's own server. Called on the main thread, before any
  /// other is started. Not async: the main thread of an async `main` waits in `sigsuspend` with
  /// every signal unblocked and would take those that `Signals` waits for.
  package static func run(_ extensions: AppExtensions) -> Never {
    let words = Array(CommandLine.arguments.dropFirst())
    Signals.prepare(
      takesEnding: Commands.all.first { $0.name == words.first }?.takesSignals ?? false)
    Task.detached {
      let status = await Embedded.$extensions.withValue(extensions) { await run(words) }
      // Everything is closed and on disk. `exit` would run the destructors of the libraries below
      // threads that still end, which aborts now and then.
      fflush(nil)
      _exit(status)
    }
    while true { pause() }
  }

  private static func run(_ words: [String]) async -> Int32 {
    guard let name = words.first, name != "--help", name != "-h", name != "help" else {
      Help.all.forEach(Console.print)
      return words.isEmpty ? ExitStatus.usage : ExitStatus.success
    }
    if name == "--version" || name == "version" {
      Console.print("roost \(ProgramVersion.current)")
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

/// A command of the program.
///
/// Adding one is one file, and one line in `Commands.all`.
protocol Command: Sendable {
  var name: String { get }
  /// One line for the list of commands.
  var summary: String { get }
  /// The operands, such as `DIR`.
  var operands: String { get }
  var options: [Option] { get }
  /// More for `--help`, or an empty text.
  var discussion: String { get }
  /// Whether it takes SIGTERM and SIGINT itself, by `Signals.waitForEnd()`, and ends in its own time,
  /// or passes over them.
  ///
  /// Any other ends at once, as a program does; what it does is safe to be broken off anywhere.
  var takesSignals: Bool { get }

  /// Does the work and returns the status to exit with: 0, or what `ExitStatus` says.
  func run(_ arguments: Arguments) async throws -> Int32
}

extension Command {
  var takesSignals: Bool { false }
}

/// The statuses that the program exits with.
enum ExitStatus {
  static let success: Int32 = 0
  /// Something failed while running.
  static let failure: Int32 = 1
  /// A bad option, configuration or schema.
  static let usage: Int32 = 2
  /// An import left lines out.
  static let refusedLines: Int32 = 3
  /// A plan has steps that are to be done.
  static let pending: Int32 = 3
}

/// All commands, in the order of the help.
enum Commands {
  static let all: [any Command] = [
    NewCommand(), DevCommand(), ServeCommand(), AdminCommand(), ExplainCommand(), SimulateCommand(),
    ImportCommand(),
    ExportCommand(), JobsCommand(), FunctionsCommand(), FollowersCommand(), RebuildCommand(),
    BackupCommand(), KeyCommand(), MoveCommand(), MigrateCommand(), GenerateCommand(),
    DoctorCommand(),
  ]
}

import Queries
import Records
import RoostCore
import RoostServer

/// Says why a command failed, and chooses the status.
enum Failure {
  static func report(_ error: any Error, command: String) -> Int32 {
    switch error {
    case let error as Arguments.Failure:
      Console.note(
        "roost \(command): \(error.description)\nroost \(command) --help lists the options")
      return ExitStatus.usage
    case let error as ImportFault:
      let code = error.code.isEmpty ? "" : " [\(error.code)]"
      Console.note("roost \(command): \(error.message)\(code)")
      return error.exitStatus
    case is AppFolder.Failure, is Settings.Failure, is SchemaChangeError, is MigrationRefused:
      Console.note("roost \(command): \(error)")
      return ExitStatus.usage
    case let error as RoostError:
      Console.note("roost \(command): \(error.detail)")
      if let cause = error.cause { Console.note("  cause: \(cause)") }
      return ExitStatus.failure
    default:
      Console.note("roost \(command): \(error)")
      return ExitStatus.failure
    }
  }
}

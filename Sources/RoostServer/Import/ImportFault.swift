/// Why an import cannot start or go on, as a message for the person at the terminal.
package struct ImportFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the command should exit with: 2 for a mapping, seed or option to be mended, else 1.
  package let exitStatus: Int32
  /// What is wrong and what to do, beginning with the file and the place in it.
  package let message: String

  /// What it is for programs, such as `disk_full`; empty where nobody tells these faults apart.
  package let code: String

  package init(exitStatus: Int32 = 1, code: String = "", _ message: String) {
    self.exitStatus = exitStatus
    self.code = code
    self.message = message
  }

  package var description: String { message }
}

import Glibc
import RoostServer

/// `roost new`: makes an app folder from a template.
struct NewCommand: Command {
  let name = "new"
  let summary = "make an app folder from a template"
  let operands = "DIR"
  let options = [Option("--template", "NAME", "tasks (the default) or bandstand")]
  let discussion = """
    Writes schema.graphql, roost.yaml and a README.md. Nothing that exists is overwritten.
    """

  func run(_ arguments: Arguments) async throws -> Int32 {
    guard arguments.operands.count == 1 else {
      throw Arguments.Failure(description: "name the folder to make: roost new DIR")
    }
    let wanted = arguments["--template"] ?? "tasks"
    guard let template = Templates.all.first(where: { $0.name == wanted }) else {
      let names = Templates.all.map(\.name).joined(separator: ", ")
      throw Arguments.Failure(description: "there is no template \(wanted); there are: \(names)")
    }
    let folder = AppFolder(arguments.operands[0])
    try makeFolder(folder.path)
    let files = template.files(name: folder.path)
    for (name, _) in files where FileBytes.exists(folder.path + "/" + name) {
      throw AppFolder.Failure(
        description: "\(folder.path)/\(name) exists already: choose another folder")
    }
    for (name, text) in files { try write(folder.path + "/" + name, text) }
    Console.print(
      """
      made \(folder.path) from the template \(template.name)
        roost dev \(folder.path)        serves it on http://127.0.0.1:8080
        \(folder.path)/schema.graphql   is where everything is declared
      """)
    return ExitStatus.success
  }

  private func makeFolder(_ path: String) throws {
    var made = ""
    for part in path.split(separator: "/", omittingEmptySubsequences: false) {
      made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/" + part
      if made.isEmpty || made == "/" || FileBytes.isFolder(made) { continue }
      guard mkdir(made, 0o755) == 0 else {
        throw AppFolder.Failure(
          description: "\(made): cannot be made: \(String(cString: strerror(errno)))")
      }
    }
  }

  private func write(_ path: String, _ text: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw AppFolder.Failure(
        description: "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw AppFolder.Failure(
        description: "\(path): cannot be written: \(String(cString: strerror(errno)))")
    }
  }
}

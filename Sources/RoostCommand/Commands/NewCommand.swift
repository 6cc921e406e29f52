import Glibc
import RoostServer

/// `roost new`: makes an app folder from a template.
struct NewCommand: Command {
  let name = "new"
  let summary = "make an app folder from a template"
  let operands = "DIR"
  let options = [
    Option("--template", "NAME", "tasks (the default), bandstand or server"),
    Option("--roost", "PATH", "server: the checkout of Roost to build with"),
  ]
  let discussion = """
    Writes schema.graphql, roost.yaml and a README.md. Nothing that exists is overwritten. The template
    server is a Swift package too: a server of your own, with an action, a follower and a scheduled
    function. It is built with a checkout of Roost, which is found where this program was built in one.
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
    let roost = try checkout(template, arguments["--roost"])
    let folder = AppFolder(arguments.operands[0])
    try makeFolder(folder.path)
    let files = template.files(name: folder.path, roost: roost)
    for (name, _) in files where FileBytes.exists(folder.path + "/" + name) {
      throw AppFolder.Failure(
        description: "\(folder.path)/\(name) exists already: choose another folder")
    }
    for (name, text) in files {
      let path = folder.path + "/" + name
      try makeFolder(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
      try write(path, text)
    }
    if template.isPackage {
      Console.print(
        """
        made \(folder.path) from the template \(template.name), to be built with \(roost)
          cd \(folder.path) && swift build && .build/debug/server dev .
          \(folder.path)/schema.graphql              is where everything is declared
          \(folder.path)/Sources/server/main.swift   is where the handlers are
        """)
      return ExitStatus.success
    }
    Console.print(
      """
      made \(folder.path) from the template \(template.name)
        roost dev \(folder.path)        serves it on http://127.0.0.1:8080
        \(folder.path)/schema.graphql   is where everything is declared
      """)
    return ExitStatus.success
  }

  /// The absolute path of the checkout of Roost that a template is built with.
  private func checkout(_ template: Template, _ given: String?) throws -> String {
    guard template.isPackage else {
      if given != nil {
        throw Arguments.Failure(description: "--roost belongs to the template server")
      }
      return ""
    }
    guard let found = given ?? NewCommand.builtIn(), let path = NewCommand.resolved(found) else {
      throw Arguments.Failure(
        description: given.map { "--roost \($0): there is no such folder" }
          ?? "say where the checkout of Roost is that the server is built with: --roost PATH")
    }
    guard NewCommand.isCheckout(path) else {
      throw Arguments.Failure(
        description: "--roost \(path): this is no checkout of Roost (it has no Sources/Roost)")
    }
    return path
  }

  /// The checkout that this program was built in; nil where it stands elsewhere.
  private static func builtIn() -> String? {
    guard var path = resolved("/proc/self/exe") else { return nil }
    while let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      path = String(path[..<slash])
      if isCheckout(path) { return path }
    }
    return nil
  }

  private static func isCheckout(_ path: String) -> Bool {
    FileBytes.exists(path + "/Package.swift") && FileBytes.isFolder(path + "/Sources/Roost")
  }

  private static func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
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

import CPostgres
import Glibc
import RoostCore

/// Runs a program of PostgreSQL's own, such as `pg_dump`.
///
/// Where the server is and the password go by the environment, which no other account can read, and
/// never by the arguments, which everybody can.
struct PostgresTool {
  /// The program's name, as found by PATH.
  let name: String
  let arguments: [String]
  let configuration: PostgresConfiguration

  private static let pollNanoseconds = 50_000_000
  private static let told = 2000

  /// Waits for the program's end; `proceed` is called meanwhile, and what it throws ends the program.
  ///
  /// Throws `RoostError` with the end of what the program said where it fails or is not there.
  func run(_ proceed: () throws -> Void) throws {
    var ends: [CInt] = [0, 0]
    guard pipe(&ends) == 0 else { throw fault(String(cString: strerror(errno))) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var output = SpawnFiles()
    output.use(ends[1], as: 2)
    let environment = try environment()
    var pid: pid_t = 0
    let code = withArguments([name] + arguments) { words in
      withArguments(environment) { posix_spawnp(&pid, name, &output.actions, nil, words, $0) }
    }
    close(ends[1])
    defer { close(ends[0]) }
    guard code == 0 else {
      throw RoostError(
        .internalError,
        code == ENOENT
          ? "\(name) is not installed here: install PostgreSQL's client programs "
            + "(postgresql-client), of the server's version or a newer one."
          : "\(name) cannot be run: \(String(cString: strerror(code))).")
    }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    var said = ""
    var status: CInt = 0
    while true {
      PostgresTool.drain(ends[0], into: &said)
      let ended = waitpid(pid, &status, WNOHANG)
      if ended == pid { break }
      guard ended == 0 || errno == EINTR else { throw fault(String(cString: strerror(errno))) }
      do {
        try proceed()
      } catch {
        kill(pid, SIGTERM)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        throw error
      }
      var pause = timespec(tv_sec: 0, tv_nsec: PostgresTool.pollNanoseconds)
      nanosleep(&pause, nil)
    }
    PostgresTool.drain(ends[0], into: &said)
    guard status == 0 else { throw fault(said.isEmpty ? "status \(status)" : said) }
  }

  private func fault(_ said: String) -> RoostError {
    let lines = said.split(separator: "\n").suffix(4).joined(separator: "; ")
    return RoostError(.internalError, "\(name) failed: \(lines)")
  }

  /// This process's environment with what the address says, by libpq's own names.
  private func environment() throws -> [String] {
    var values: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let pair = String(cString: text).split(separator: "=", maxSplits: 1)
      if pair.count == 2 { values[String(pair[0])] = String(pair[1]) }
      entry += 1
    }
    for option in try PostgresTool.options(of: configuration) {
      if let variable = option.variable { values[variable] = option.value }
    }
    return values.map { "\($0.key)=\($0.value)" }
  }

  /// The database that the address, or the environment, names; the user's own where neither does.
  static func databaseName(of configuration: PostgresConfiguration) throws -> String? {
    let options = try options(of: configuration)
    return options.first { $0.keyword == "dbname" }?.value
      ?? getenv("PGDATABASE").map { String(cString: $0) }
      ?? options.first { $0.keyword == "user" }?.value
      ?? getenv("PGUSER").map { String(cString: $0) }
  }

  /// What an address says, with the variable of the environment that says the same.
  private static func options(
    of configuration: PostgresConfiguration
  ) throws -> [(keyword: String, variable: String?, value: String)] {
    var message: UnsafeMutablePointer<CChar>?
    guard let first = PQconninfoParse(configuration.address.reveal(), &message) else {
      PQfreemem(message)
      throw RoostError(.invalid, "The address of the database cannot be read.")
    }
    defer { PQconninfoFree(first) }
    var options: [(keyword: String, variable: String?, value: String)] = []
    var option = first
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        options.append(
          (
            String(cString: keyword), option.pointee.envvar.map { String(cString: $0) },
            String(cString: value)
          ))
      }
      option += 1
    }
    return options
  }

  private static func drain(_ descriptor: CInt, into text: inout String) {
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &block, block.count)
      guard count > 0 else { return }
      text = String((text + String(decoding: block[0..<count], as: UTF8.self)).suffix(told))
    }
  }

  private func withArguments<Result>(
    _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = words.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}

/// The descriptors of a program that is started.
private struct SpawnFiles: ~Copyable {
  var actions = posix_spawn_file_actions_t()

  init() { posix_spawn_file_actions_init(&actions) }

  deinit {
    var actions = actions
    posix_spawn_file_actions_destroy(&actions)
  }

  mutating func use(_ descriptor: CInt, as number: CInt) {
    posix_spawn_file_actions_adddup2(&actions, descriptor, number)
  }
}

import Cryptography
import Glibc
import Queries
import RoostCore
import Synchronization
import TestEngine

@testable import Accounts

/// A clock that stands still until it is moved.
final class TestTime: TimeSource {
  private let wall = Atomic<Int64>(1_800_000_000_000)
  private let monotonic = Atomic<UInt64>(1_000_000_000_000)

  func now() -> Timestamp { Timestamp(milliseconds: wall.load(ordering: .relaxed)) }
  func monotonicNanoseconds() -> UInt64 { monotonic.load(ordering: .relaxed) }

  /// Lets time pass.
  func pass(seconds: Double) {
    wall.add(Int64(seconds * 1000), ordering: .relaxed)
    monotonic.add(UInt64(seconds * 1_000_000_000), ordering: .relaxed)
  }

  /// Sets the wall clock, as a person or NTP does.
  func jump(seconds: Int64) { wall.add(seconds * 1000, ordering: .relaxed) }
}

/// A repeatable generator (SplitMix64) that counts what is drawn by size.
final class TestRandom: RandomSource {
  private let state = Mutex<(seed: UInt64, draws: [Int: Int])>((7, [:]))

  func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    state.withLock { state in
      state.draws[buffer.count, default: 0] += 1
      for index in buffer.indices {
        state.seed &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state.seed
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        buffer[index] = UInt8(truncatingIfNeeded: mixed ^ mixed >> 31)
      }
    }
  }

  /// How often so many bytes were drawn at once.
  func draws(of count: Int) -> Int { state.withLock { $0.draws[count] ?? 0 } }
}

/// Accounts over a database of their own, with cheap passwords and no rate limits.
struct AccountsFixture: Sendable {
  static let password = "velvet otter paints nine moons"
  static let client = ClientAddress("192.0.2.1", userAgent: "test")

  let time = TestTime()
  let random = TestRandom()
  let folder: String
  let database: any Database
  let configuration: AccountsConfiguration
  let accounts: AccountStore

  static func relaxed() -> AccountsConfiguration {
    var configuration = AccountsConfiguration()
    configuration.passwordCost = PasswordHash.Cost(memoryKB: 64, passes: 1, lanes: 1)
    configuration.loginsPerAccount = .unlimited
    configuration.credentialsPerAddress = .unlimited
    configuration.anonymousPerAddress = .unlimited
    configuration.refreshesPerAddress = .unlimited
    return configuration
  }

  /// A tree of roles in which `owner` inherits `admin`.
  static let roles = AppRoles(
    names: ["musician", "support", "admin", "owner"],
    closure: [
      "musician": ["musician"], "support": ["support", "musician"],
      "admin": ["admin", "support", "musician"],
      "owner": ["owner", "admin", "support", "musician"],
    ])

  /// Runs `body` with started accounts in a folder that is removed afterwards.
  static func run(
    _ configuration: AccountsConfiguration = relaxed(),
    _ body: (AccountsFixture) async throws -> Void
  ) async throws {
    let fixture = try await AccountsFixture(configuration)
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(fixture))
    } catch {
      result = .failure(error)
    }
    fixture.accounts.stop()
    await fixture.database.close()
    TestEngine.remove(fixture.folder)
    try result.get()
  }

  private init(_ configuration: AccountsConfiguration) async throws {
    folder = TestEngine.folder("accounts")
    database = try TestEngine.open(folder)
    _ = mkdir(folder, 0o700)
    try await Migrator.run(
      [AccountTables.migration(1), AccountTables.roles(2), AccountTables.endedSessions(3)],
      on: database)
    self.configuration = configuration
    accounts = AccountStore(
      database: database,
      ambient: Ambient(time: time, random: random, logger: Logger(level: .error)),
      configuration: configuration, roles: AccountsFixture.roles)
    try await accounts.start()
  }

  /// Other accounts over the same database, as after a restart.
  func restarted(
    _ configuration: AccountsConfiguration? = nil, roles: AppRoles = roles
  ) async throws -> AccountStore {
    let accounts = AccountStore(
      database: database,
      ambient: Ambient(time: time, random: random, logger: Logger(level: .error)),
      configuration: configuration ?? self.configuration, roles: roles)
    try await accounts.start()
    return accounts
  }

  func anonymous() async throws -> Session {
    try await accounts.anonymous(from: AccountsFixture.client)
  }

  func register(_ email: String = "ada@example.com") async throws -> Session {
    try await accounts.register(
      email: email, password: AccountsFixture.password, from: AccountsFixture.client)
  }

  func login(
    _ email: String = "ada@example.com", _ password: String = AccountsFixture.password
  ) async throws -> Session {
    try await accounts.login(email: email, password: password, from: AccountsFixture.client)
  }

  func refresh(_ session: Session) async throws -> Session {
    try await accounts.refresh(session.refreshToken.reveal(), from: AccountsFixture.client)
  }

  func caller(_ session: Session) throws -> Caller {
    try accounts.authenticate(session.accessToken.reveal())
  }

  /// The error with which `body` ends; nil when it succeeds.
  func refusal(_ body: () async throws -> Void) async -> RoostError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? RoostError
    }
  }

  func count(_ sql: SQL) async throws -> Int64 {
    try await database.read(.statement) { try await $0.first(sql) { $0.int64(0) } } ?? -1
  }
}

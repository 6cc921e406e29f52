import Foundation
package import PostgresDriver
import Queries
import RoostCore

extension PostgresConfiguration {
  /// The database for tests, in the schema that stands for `name`.
  ///
  /// Throws when `ROOST_TEST_POSTGRES` is not set.
  package static func test(_ name: String) throws -> PostgresConfiguration {
    guard let address = testAddress else {
      throw DatabaseOpenError(
        .engine,
        "The tests need a PostgreSQL: run them with Scripts/with-postgres.sh swift test …")
    }
    // FNV-1a: short, and different for each folder.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var configuration = PostgresConfiguration(
      address: address, schema: "test_" + String(hash, radix: 16))
    // Many databases are open at once in the tests.
    configuration.writers = 2
    configuration.sharedReaders = 1
    configuration.longReaders = 2
    // And a machine that runs all of them at once is slow: bounds have tests of their own.
    configuration.readMilliseconds = 30_000
    configuration.writeMilliseconds = 60_000
    configuration.lockMilliseconds = 60_000
    configuration.idleTransactionMilliseconds = 60_000
    configuration.connectSeconds = 30
    return configuration
  }

  /// The address of the database for tests; nil without one.
  package static var testAddress: String? {
    ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES"]
  }

  /// The address of the superuser of the cluster for tests; nil without one.
  package static var testAdministrator: String? {
    ProcessInfo.processInfo.environment["ROOST_TEST_POSTGRES_ADMIN"]
  }
}

package import RoostCore

/// How a database of one PostgreSQL schema is opened and bounded.
package struct PostgresConfiguration: Sendable {
  /// The address: `postgresql://user@host:5432/name?sslmode=verify-full`, or keywords as in
  /// `host=db user=roost dbname=roost`.
  ///
  /// What it leaves out is taken from libpq's own places: `PGPASSWORD`, `~/.pgpass`, a service file.
  package var address: Secret<String>
  /// The schema that holds the tables; it is created when it is missing.
  package var schema: String
  /// Bounds of the queues.
  package var limits: Limits
  /// Threads that write, with a connection each: while one batch commits the other runs its bodies.
  ///
  /// Batches that touch the same part of the log or the same stream commit one after the other, so
  /// more writers mostly make smaller batches.
  package var writers = 2
  /// Writes of one transaction, at most; PostgreSQL keeps 64 subtransactions at hand.
  package var batchWrites = 63
  /// Threads for short reads, which share a connection each among many reads.
  package var sharedReaders = 2
  /// Threads for long reads and snapshots, with a connection each for one read at a time.
  package var longReaders = 4
  /// Milliseconds after which a statement on a shared connection is stopped and begins again on one
  /// of its own.
  package var sharedMilliseconds = 100
  /// Milliseconds after which a long read is stopped.
  package var readMilliseconds = 5000
  /// Milliseconds after which a statement of a write is stopped.
  package var writeMilliseconds = 10_000
  /// Milliseconds that a statement of a write waits for a lock.
  package var lockMilliseconds = 5000
  /// Milliseconds after which the server ends a transaction in which nothing happens.
  package var idleTransactionMilliseconds = 15_000
  /// Long reads without a deadline (exports) at a time.
  package var unboundedReads = 2
  /// Seconds that connecting may take, unless the address says otherwise.
  package var connectSeconds = 5
  /// Whether statements are prepared on the server; off behind a pooler that gives each transaction
  /// another server connection, such as PgBouncer in transaction mode.
  package var preparedStatements = true
  /// Whether a role is taken that may do more than own its schema, such as a superuser.
  package var allowsPowerfulRole = false
  /// The addresses of streaming standbys of the server that may answer reads.
  package var replicas: [Secret<String>] = []
  /// Milliseconds that a standby may be behind and still answer.
  package var replicaLagMilliseconds = 1000
  /// Milliseconds between two looks at how far the server and its standbys are.
  package var replicaPollMilliseconds = 50
  /// The name under which the server lists the connections.
  package var applicationName = "roost"

  package init(address: String, schema: String = "roost", limits: Limits = Limits()) {
    self.address = Secret(address)
    self.schema = schema
    self.limits = limits
  }
}

/// The bounds on what a caller can make Roost hold or do, in one place.
package struct Limits: Sendable {
  /// Bytes of a request's line and header fields.
  package var headBytes = 16_384
  /// Header fields of a request.
  package var headFields = 100
  /// Bytes of a request's target.
  package var targetBytes = 8192
  /// Bytes of a request's body, unless its route says otherwise.
  package var bodyBytes = 1_048_576
  /// Seconds from a connection's first byte to the end of a request's head.
  package var headSeconds = 10
  /// Seconds that a TLS handshake may take.
  package var handshakeSeconds = 10
  /// Bytes a second that a body must bring on average, after the first `headSeconds`, and that a
  /// client must take of an answer that waits for it.
  package var bodyBytesPerSecond = 500
  /// Seconds that a connection may stay open without a request.
  package var idleSeconds = 75
  /// Bytes of unsent answer beyond which a connection is not read.
  package var outputHighWaterBytes = 262_144
  /// Seconds after which a connection is closed that did not read its answer, or less of it than
  /// `bodyBytesPerSecond`.
  package var writeStallSeconds = 30
  /// Seconds that a drain may take before connections are closed.
  package var drainSeconds = 10
  /// Connections open at once, over all loops.
  package var connections = 100_000
  /// Connections open at once that come from one address; 0 for no bound.
  package var connectionsPerAddress = 0
  /// Nested arrays and objects of a JSON document.
  package var jsonDepth = 32
  /// Writes waiting for the writer before new ones are refused with 503.
  package var queuedWrites = 8192
  /// Reads waiting for a reader thread before new ones are refused with 503.
  package var queuedReads = 1024

  package init() {}
}

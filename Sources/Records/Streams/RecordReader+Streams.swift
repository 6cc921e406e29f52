package import Queries
package import Rules

extension RecordReader {
  /// The streams of the caller as `reader` sees them, and what the caller holds.
  package func heldStreams(
    in reader: any Reader
  ) async throws -> (held: HeldScopes, heads: [StreamHead]) {
    let held = try await heldScopes(in: reader)
    return (held, try await StreamHeads.held(held, in: reader))
  }
}

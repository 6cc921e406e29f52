/// The bounds on what one request, or one message of a socket, may bring.
package struct FrameLimits: Sendable {
  /// Bytes of a request, and of each frame.
  package var bytes = 4_194_304
  /// Mutations of a request.
  package var mutations = 1000
  /// Operations of a mutation.
  package var operations = 1000
  /// Frames of a request.
  package var frames = 256
  /// Nested arrays and objects: what a JSON field may hold, within the frame around it.
  package var depth = 48
  /// Streams that a hello names.
  package var streams = 100_000
  /// Rows of a fetch.
  package var rows = 1000

  package init() {}
}

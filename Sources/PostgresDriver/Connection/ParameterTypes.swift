import Synchronization

/// The types of the placeholders of statements that have no names on the server, by text.
///
/// Behind a pooler that gives each transaction another server connection, nothing prepared stays;
/// what was once asked about a text is kept here for all connections.
final class ParameterTypes: Sendable {
  private static let limit = 1024
  private let known = Mutex<[String: [UInt32]]>([:])

  func types(of text: String) -> [UInt32]? { known.withLock { $0[text] } }

  func set(_ types: [UInt32], of text: String) {
    known.withLock { known in
      if known.count >= ParameterTypes.limit { known = [:] }
      known[text] = types
    }
  }

  func forget() { known.withLock { $0 = [:] } }
}

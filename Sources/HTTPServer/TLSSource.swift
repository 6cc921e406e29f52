import Cryptography
import Synchronization

/// What the connections that come now are offered in their handshakes; those that are there keep what
/// they began with.
final class TLSSource: Sendable {
  private let current: Mutex<TLSContext>

  init(_ context: TLSContext) { current = Mutex(context) }

  func replace(with context: TLSContext) { current.withLock { $0 = context } }

  func session(_ descriptor: Int32) -> TLSSession? {
    TLSSession(current.withLock { $0 }, descriptor: descriptor)
  }
}

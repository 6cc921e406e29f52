import Glibc
import Synchronization

/// A file descriptor that is closed once: by `close`, or with the object.
final class HeldDescriptor: Sendable {
  private let descriptor: Atomic<Int32>

  init(_ descriptor: Int32) { self.descriptor = Atomic(descriptor) }

  deinit { close() }

  /// The descriptor, or -1 once it is closed.
  var value: Int32 { descriptor.load(ordering: .acquiring) }

  func close() {
    let open = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
    if open >= 0 { Glibc.close(open) }
  }
}

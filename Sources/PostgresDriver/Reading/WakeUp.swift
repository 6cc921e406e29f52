import Glibc
import Synchronization

/// Wakes a thread that waits in `poll`.
final class WakeUp: Sendable {
  /// What the thread polls.
  let descriptor: Int32
  private let sender: Int32
  private let isSet = Atomic(false)

  init() throws(ThreadError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ThreadError(code: errno) }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    descriptor = ends[0]
    sender = ends[1]
  }

  deinit {
    close(descriptor)
    close(sender)
  }

  /// Makes the descriptor readable, if it is not yet.
  func set() {
    guard !isSet.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var byte: UInt8 = 1
    _ = write(sender, &byte, 1)
  }

  /// Empties the descriptor, which is readable, before the thread looks for what it was woken for.
  ///
  /// In this order: whoever sets it in between writes nothing, but what it was set for is there; and a
  /// byte that is written late only wakes the thread once more.
  func clear() {
    var bytes: (UInt64, UInt64) = (0, 0)
    _ = withUnsafeMutableBytes(of: &bytes) { read(descriptor, $0.baseAddress, $0.count) }
    isSet.store(false, ordering: .releasing)
  }
}

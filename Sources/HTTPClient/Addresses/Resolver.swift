import CCurl
import Glibc
import RoostCore
import Synchronization

/// Looks names up, beside the cooperative threads and for no longer than there is time.
struct Resolver: Sendable {
  private let pool: OffloadPool

  init() { pool = OffloadPool(threads: 2, queued: 64, name: "roost-names") }

  func stop() { pool.stop() }

  /// All addresses of `host`, a name or an address in any form that the system knows.
  ///
  /// The lookup itself cannot be stopped: after `nanoseconds` it is left alone.
  func addresses(
    of host: String, within nanoseconds: UInt64
  ) async -> Result<[IPAddress], OutgoingFailure> {
    let pool = pool
    return await withCheckedContinuation { continuation in
      let answer = FirstAnswer(continuation)
      let timer = Task {
        do { try await Task.sleep(nanoseconds: nanoseconds) } catch { return }
        answer.give(
          .failure(OutgoingFailure(.timedOut, "the name \(host) was not found out in time")))
      }
      Task {
        do {
          answer.give(try await pool.run { Resolver.lookUp(host) })
        } catch {
          answer.give(
            .failure(OutgoingFailure(.overloaded, "too many names are being looked up")))
        }
        timer.cancel()
      }
    }
  }

  private static func lookUp(_ host: String) -> Result<[IPAddress], OutgoingFailure> {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, nil, &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard status == 0 else {
      let reason = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
      return .failure(OutgoingFailure(.unresolved, "the name \(host) has no address: \(reason)"))
    }
    var found: [IPAddress] = []
    var next = list
    while let entry = next {
      if let address = entry.pointee.ai_addr.flatMap({ IPAddress(UnsafePointer($0)) }),
        !found.contains(address)
      {
        found.append(address)
      }
      next = entry.pointee.ai_next
    }
    guard !found.isEmpty else {
      return .failure(OutgoingFailure(.unresolved, "the name \(host) has no address"))
    }
    return .success(found)
  }
}

/// Takes the first of two answers and leaves the other.
private final class FirstAnswer<Value: Sendable>: Sendable {
  private let continuation: Mutex<CheckedContinuation<Value, Never>?>

  init(_ continuation: CheckedContinuation<Value, Never>) {
    self.continuation = Mutex(continuation)
  }

  func give(_ value: Value) {
    let waiting = continuation.withLock { continuation in
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume(returning: value)
  }
}

import CCurl
import Glibc
import RoostCore
import Synchronization

/// Looks names up, beside the cooperative threads and for no longer than there is time.
struct Resolver: Sendable {
  private let pool: OffloadPool

  private let lookUp: @Sendable (String) -> Result<[IPAddress], OutgoingFailure>

  /// `lookUp` stands in for the system's lookup, for tests.
  init(
    threads: Int = 2,
    _ lookUp: @escaping @Sendable (String) -> Result<[IPAddress], OutgoingFailure> = {
      Resolver.lookUp($0)
    }
  ) {
    self.lookUp = lookUp
    pool = OffloadPool(threads: threads, queued: 64, name: "roost-names")
  }

  func stop() { pool.stop() }

  /// All addresses of `host`, a name or an address in any form that the system knows.
  ///
  /// The lookup itself cannot be stopped: after `nanoseconds` it is left alone. One that was not even
  /// begun by then says nothing of the name and is `.overloaded`.
  func addresses(
    of host: String, within nanoseconds: UInt64
  ) async -> Result<[IPAddress], OutgoingFailure> {
    let (pool, lookUp) = (pool, lookUp)
    return await withCheckedContinuation { continuation in
      let answer = FirstAnswer(continuation)
      let isBegun = Flag()
      let work = Task.immediate {
        do {
          answer.give(
            try await pool.run {
              isBegun.set()
              return lookUp(host)
            })
        } catch {
          answer.give(
            .failure(OutgoingFailure(.overloaded, "too many names are being looked up")))
        }
      }
      let timer = Task {
        do { try await Task.sleep(nanoseconds: nanoseconds) } catch { return }
        // What waits for a thread leaves its place; what has begun is not touched by this.
        work.cancel()
        answer.give(
          .failure(
            isBegun.isSet
              ? OutgoingFailure(.timedOut, "the name \(host) was not found out in time")
              : OutgoingFailure(.overloaded, "too many names are being looked up")))
      }
      Task {
        await work.value
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

/// Is set once.
private final class Flag: Sendable {
  private let state = Atomic<Bool>(false)
  var isSet: Bool { state.load(ordering: .acquiring) }
  func set() { state.store(true, ordering: .releasing) }
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

import CCurl
package import RoostCore
import Synchronization

/// Makes requests to other servers, each within its bounds and to public addresses alone.
///
/// A name is looked up here, and every one of its addresses is judged, before a connection goes to
/// just these. Redirects are not followed; proxies, `.netrc` and cookies do not exist.
package final class OutgoingClient: Sendable {
  private let allowed: AddressGuard
  private let time: any TimeSource
  private let pool: OffloadPool
  private let resolver = Resolver()
  private let lookUp: (@Sendable (String) -> Result<[IPAddress], OutgoingFailure>)?
  /// Handles that are not in use; no more than there are threads.
  private let shelf = Mutex<[CurlHandle]>([])

  /// Starts the threads that requests run on.
  ///
  /// `lookUp` stands in for the system's lookup of names, for tests.
  package init(
    _ allowed: AddressGuard, time: any TimeSource, threads: Int = 8,
    lookUp: (@Sendable (String) -> Result<[IPAddress], OutgoingFailure>)? = nil
  ) {
    _ = OutgoingClient.isReady
    self.allowed = allowed
    self.time = time
    self.lookUp = lookUp
    pool = OffloadPool(threads: threads, queued: 256, name: "roost-http")
  }

  /// Set up once for the process; libcurl's call is not safe beside itself.
  private static let isReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

  /// Refuses what comes from now on; what runs comes to its end.
  package func stop() {
    pool.stop()
    resolver.stop()
    shelf.withLock { $0 = [] }
  }

  /// Makes a request and returns the answer, whatever its status, if that is not a redirect.
  package func send(
    _ request: OutgoingRequest
  ) async throws(OutgoingFailure) -> OutgoingResponse {
    let end = time.monotonicNanoseconds() + UInt64(max(1, request.timeoutMilliseconds)) * 1_000_000
    let addresses = try await checkedAddresses(request, end).get()
    return try await run(request, addresses, end).get()
  }

  /// Makes the request on a thread, for which it waits half of its time at most: the server that is
  /// asked is to have the other half, else its lateness would be ours.
  private func run(
    _ request: OutgoingRequest, _ addresses: [IPAddress], _ end: UInt64
  ) async -> Result<OutgoingResponse, OutgoingFailure> {
    let now = time.monotonicNanoseconds()
    let wait = (end > now ? end - now : 0) / 2
    let (cancellation, pool) = (Transfer.Cancellation(), pool)
    // At once, and not when a cooperative thread is free: the wait is for a thread of the pool alone.
    let work = Task.immediate {
      try await pool.run { self.perform(request, addresses, cancellation, end, begins: now + wait) }
    }
    // To cancel work that has begun does nothing: libcurl keeps its time from then on.
    let timer = Task {
      do { try await Task.sleep(nanoseconds: wait) } catch { return }
      work.cancel()
    }
    let result = await withTaskCancellationHandler {
      await work.result
    } onCancel: {
      cancellation.set()
      work.cancel()
    }
    timer.cancel()
    switch result {
    case .success(let answer): return answer
    case .failure(let error) where error is CancellationError:
      return .failure(cancellation.isSet ? OutgoingClient.givenUp : notBegun(request))
    case .failure:
      return .failure(OutgoingFailure(.overloaded, "too many requests wait to be sent"))
    }
  }

  private static let givenUp = OutgoingFailure(.cancelled, "the request was given up")

  private func notBegun(_ request: OutgoingRequest) -> OutgoingFailure {
    OutgoingFailure(
      .overloaded,
      "the request to \(request.url.host) was not begun in time: too many others are under way")
  }

  /// Where the name leads, if all of that is public.
  private func checkedAddresses(
    _ request: OutgoingRequest, _ end: UInt64
  ) async -> Result<[IPAddress], OutgoingFailure> {
    let host = request.url.host
    let found: Result<[IPAddress], OutgoingFailure>
    if let address = IPAddress(host) {
      found = .success([address])
    } else if let lookUp {
      found = lookUp(host)
    } else {
      let now = time.monotonicNanoseconds()
      found = await resolver.addresses(of: host, within: end > now ? end - now : 1)
    }
    guard case .success(let addresses) = found else { return found }
    for address in addresses {
      guard let kind = allowed.refusal(of: address) else { continue }
      let shown = host == address.description ? host : "\(host) leads to \(address), which"
      return .failure(
        OutgoingFailure(
          .refusedAddress, "\(shown) is \(kind): requests go to public addresses alone"))
    }
    return found
  }

  private func perform(
    _ request: OutgoingRequest, _ addresses: [IPAddress], _ cancellation: Transfer.Cancellation,
    _ end: UInt64, begins latest: UInt64
  ) -> Result<OutgoingResponse, OutgoingFailure> {
    if cancellation.isSet { return .failure(OutgoingClient.givenUp) }
    let now = time.monotonicNanoseconds()
    guard now <= latest, now < end else { return .failure(notBegun(request)) }
    guard let handle = take() ?? CurlHandle() else {
      return .failure(OutgoingFailure(.overloaded, "out of memory"))
    }
    let transfer = Transfer(request, to: addresses, cancellation)
    let left = Int64((end - now) / 1_000_000)
    let result = withExtendedLifetime(transfer) {
      transfer.checked(transfer.run(on: handle, within: left), status: handle.status)
    }
    put(handle)
    return result
  }

  private func take() -> CurlHandle? { shelf.withLock { $0.popLast() } }

  private func put(_ handle: CurlHandle) { shelf.withLock { $0.append(handle) } }
}

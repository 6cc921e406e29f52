import Synchronization
import Transport

/// How many connections each client holds, over all loops of a server.
///
/// An IPv6 client is the 64 bits that it has to itself. Whoever is exempt, such as a proxy that stands
/// for many, is not counted.
final class AddressBook: Sendable {
  private let limit: Int
  private let exempt: AddressRanges
  private let counts = Mutex<[NetworkAddress: Int]>([:])

  /// A `limit` of 0 is none.
  init(limit: Int, exempt: AddressRanges) {
    self.limit = limit
    self.exempt = exempt
  }

  /// Counts a connection of `address`.
  ///
  /// Gives whether it may stay, and the client that `leave` has to be told of.
  func enter(_ address: NetworkAddress?) -> (isWelcome: Bool, client: NetworkAddress?) {
    guard limit > 0, let address, !exempt.holds(address) else { return (true, nil) }
    let client = address.client
    return counts.withLock { counts in
      let count = counts[client, default: 0]
      guard count < limit else { return (false, nil) }
      counts[client] = count + 1
      return (true, client)
    }
  }

  func leave(_ client: NetworkAddress) {
    counts.withLock { counts in
      guard let count = counts[client] else { return }
      counts[client] = count > 1 ? count - 1 : nil
    }
  }
}

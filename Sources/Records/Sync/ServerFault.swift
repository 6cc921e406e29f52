import RoostCore
import SyncProtocol
import Synchronization

/// A fault of the server that kept it from carrying out a mutation: no result, since the mutation may
/// well be carried out later.
package struct ServerFault: Error {
  /// What a client is told.
  package enum Kind: String, Sendable {
    case overloaded
    case draining
    case internalFault = "internal"
  }

  package let kind: Kind
  package let retryAfterSeconds: Int
  package let cause: any Error

  /// Nil for an error that is about what was asked.
  init?(_ error: any Error) {
    cause = error
    switch error {
    case let error as RoostError:
      switch error.code {
      case .overloaded, .timeout: kind = .overloaded
      case .storageFull:
        kind = .overloaded
        retryAfterSeconds = error.retryAfterSeconds ?? 30
        return
      case .draining: kind = .draining
      case .internalError: kind = .internalFault
      default: return nil
      }
      retryAfterSeconds = error.retryAfterSeconds ?? (kind == .internalFault ? 5 : 1)
    case is CancellationError:
      kind = .overloaded
      retryAfterSeconds = 1
    default:
      kind = .internalFault
      retryAfterSeconds = 5
    }
  }

  private init(_ kind: Kind, after seconds: Int, _ cause: any Error) {
    self.kind = kind
    retryAfterSeconds = seconds
    self.cause = cause
  }

  /// The same, to be tried again after so many seconds.
  func after(_ seconds: Int) -> ServerFault { ServerFault(kind, after: seconds, cause) }

  /// For a person.
  package var message: String {
    switch kind {
    case .overloaded:
      "The server cannot save this now: it is kept on the device, and sent again by itself."
    case .draining:
      "The server is being restarted: this is kept on the device, and sent again by itself."
    case .internalFault:
      "The server has a fault, which is on record: this is kept on the device, and sent again by "
        + "itself."
    }
  }
}

/// A handler of an action threw what is none of the server's errors.
struct HandlerFailure: Error {
  let action: String
}

/// Counts how often a mutation has met an internal fault, so that one which always does is given up
/// and those behind it go on.
///
/// In memory: a start of the server begins anew, since it may well be the end of the fault.
final class PoisonedMutations: Sendable {
  /// A mutation is given up after so many attempts, and not before so long after the first one.
  static let attempts = 8
  static let milliseconds: Int64 = 3_600_000
  private static let remembered = 10_000
  private static let longestPause = 900

  private struct Key: Hashable {
    let account: UUID
    let oid: ChainHash
  }
  private struct Count {
    var attempts = 0
    let first: Timestamp
  }
  private let counts = Mutex<[Key: Count]>([:])

  /// Notes a fault; gives how many seconds to wait, or nil where the mutation is to be given up.
  func note(_ oid: ChainHash, of account: UUID, at now: Timestamp) -> Int? {
    counts.withLock { counts in
      let key = Key(account: account, oid: oid)
      if counts.count >= PoisonedMutations.remembered, counts[key] == nil { counts.removeAll() }
      var count = counts[key] ?? Count(first: now)
      count.attempts += 1
      counts[key] = count
      let age = now.milliseconds - count.first.milliseconds
      if count.attempts >= PoisonedMutations.attempts, age >= PoisonedMutations.milliseconds {
        return nil
      }
      return min(PoisonedMutations.longestPause, 5 << min(count.attempts - 1, 8))
    }
  }
}

import Accounts
package import Queries
import RoostCore
import Synchronization
package import Transport

/// The step by which reads may be answered by copies of the database, and people still see what they
/// wrote.
///
/// The position that somebody has reached is remembered by account, and travels in `Roost-Position`
/// for other processes, other devices and people without an account. A read is answered by a copy only
/// if the copy has come so far. Stands in the pipeline only where there are copies.
package struct ReadPositions: Middleware {
  static let field = "Roost-Position"

  /// Where the records that a GET asks for are read.
  ///
  /// It is set around the requests that may be answered by a copy, and only the routes of records
  /// look at it; whatever else reads says nothing, and is answered by the primary.
  @TaskLocal static var source = ReadSource.primary

  private let database: any Database
  private let authenticator: Authenticator
  private let book: Book

  /// The book is shared by all requests.
  private final class Book: Sendable {
    let state: Mutex<PositionBook>
    init(_ start: DatabasePosition) { state = Mutex(PositionBook(start: start)) }
  }

  /// `start` is the position of `database` when its server began.
  package init(database: any Database, start: DatabasePosition, authenticator: Authenticator) {
    self.database = database
    self.authenticator = authenticator
    book = Book(start)
  }

  package func handle(_ request: Request, next: Handler) async throws -> Response {
    // Who is nobody, or nobody who is let in, is so for the route too.
    let account = try? authenticator.caller(of: request).uid
    switch request.method {
    case .get, .head: return try await read(request, account, next)
    default: return try await write(request, account, next)
    }
  }

  private func read(
    _ request: Request, _ account: UUID?, _ next: Handler
  ) async throws -> Response {
    var needed = book.state.withLock { $0.position(of: account) }
    let isLost = needed.place == .max
    if let text = request.header("roost-position") {
      let sent = try ReadPositions.position(text)
      // One of another epoch is of no copy: the primary answers, and says where it is now.
      if sent.epoch != needed.epoch || sent.place > needed.place { needed = sent }
    }
    let track = ReadTrack(needed: needed)
    var response = try await ReadPositions.$source.withValue(.tracked(track)) {
      try await next(request)
    }
    if let seen = track.seen {
      if isLost, let account { book.state.withLock { $0.find(account) } }
      note(seen, account, &response)
    }
    return response
  }

  private func write(
    _ request: Request, _ account: UUID?, _ next: Handler
  ) async throws -> Response {
    var response = try await next(request)
    // These tell of nothing that is stored.
    if [400, 401, 413, 429].contains(response.status) { return response }
    // What was refused for what is there, answered from a receipt, or read in a batch or an action
    // tells of other writes too.
    let tellsOfOthers =
      response.status >= 400 || request.header("idempotency-key") != nil
      || request.path == "/v1/batch" || request.path.hasPrefix("/v1/actions/")
    if let position = try? await database.position(isExact: tellsOfOthers) {
      note(position, account, &response)
    } else if let account {
      book.state.withLock { $0.lose(account) }
    }
    return response
  }

  private func note(
    _ position: DatabasePosition, _ account: UUID?, _ response: inout Response
  ) {
    book.state.withLock { $0.raise(account, to: position) }
    response.headers.set(ReadPositions.field, position.text)
  }

  /// The position that a request carries.
  ///
  /// Throws `.malformed` for one that Roost cannot have given: ignored, it would promise what nobody
  /// keeps.
  private static func position(_ text: String) throws -> DatabasePosition {
    if let position = DatabasePosition(text) { return position }
    throw RoostError(
      .malformed, "Roost-Position must be as an answer gave it, or be left out.",
      issues: [
        FieldIssue(
          pointer: field, code: "format", message: "It is not a position that Roost gives.")
      ])
  }
}

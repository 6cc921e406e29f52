import Accounts
import Queries
package import Records
package import RoostCore
import Schema
import SyncProtocol
package import Transport

/// `POST /v1/sync`: frames of a client, a line each, and the frames that answer them.
package struct SyncRoutes: Sendable {
  /// Tells who asks; throws for credentials that do not hold.
  package typealias Identify = @Sendable (Request) throws -> Caller

  /// Bytes of deltas in one answer; the last entries may go beyond, and no frame has more than 4 MB.
  package static let answerBytes = 3_145_728
  /// The longest that an answer is held back, in seconds.
  private static let longestWait = 60

  private let records: RecordStore
  private let epochs: SyncEpochs
  private let devices: DeviceStore
  private let watch: StreamWatch
  private let actions: ActionRunner
  private let identify: Identify
  private let versions: ServedVersions
  private let gate: Gate?
  private let ambient: Ambient
  private let room: Int
  private let reader = FrameReader(readsRequests: true)
  private let pages = DeltaPages()
  private let standings = Standings()
  private let wakes: WakeFigures
  /// Pushes, by their bytes: what they become in memory is several times as much.
  private let pushing = Turnstile(capacity: 2_097_152)
  /// Requests that may be answered with much, by their number.
  private let pulling = Turnstile(capacity: 16)

  package init(
    records: RecordStore, epochs: SyncEpochs, devices: DeviceStore, watch: StreamWatch,
    actions: ActionRunner, versions: ServedVersions, gate: Gate? = nil, ambient: Ambient,
    wakes: WakeFigures = WakeFigures(), room: Int = SyncRoutes.answerBytes,
    identify: @escaping Identify
  ) {
    self.gate = gate
    self.wakes = wakes
    self.room = room
    self.records = records
    self.epochs = epochs
    self.devices = devices
    self.watch = watch
    self.actions = actions
    self.versions = versions
    self.ambient = ambient
    self.identify = identify
  }

  package func add(to router: inout Router) {
    router.add(
      .post, "/v1/sync", body: .buffered(limit: reader.limits.bytes), isClosed: true
    ) {
      try await answerOrRefuse($0)
    }
    router.add(.get, "/v1/sync/conflicts", body: .buffered(limit: 1024)) {
      try await conflicts($0)
    }
  }

  /// What the caller is to decide.
  private func conflicts(_ request: Request) async throws -> Response {
    let caller = try identify(request)
    guard caller.uid != nil else {
      throw RoostError(
        .unauthenticated, "Sign in and send the access token as Authorization: Bearer.")
    }
    var json = JSONWriter()
    json.beginObject()
    json.key("items")
    json.beginArray()
    for conflict in try await records.conflicts(of: caller, room: room) {
      json.value([
        "id": .string(conflict.id.description), "coll": .string(conflict.collection),
        "row": .string(conflict.row.description),
        "field": conflict.field.map { .string($0) } ?? .null,
        "theirs": conflict.theirs ?? .null, "mine": conflict.mine,
        "oid": .string(ChainHash(uuid: conflict.oid).description),
        "at": .string(conflict.at.description),
      ])
    }
    json.endArray()
    json.endObject()
    var response = Response.json(json.bytes)
    response.headers.set("Cache-Control", "no-store")
    return response
  }

  /// What a request asks for, in order.
  private struct Questions {
    let hello: Hello
    var pushes: [Push] = []
    var streams = StreamQuestions()
  }

  private func answerOrRefuse(_ request: Request) async throws -> Response {
    do {
      return try await answer(request)
    } catch let closed as Gate.Closed {
      guard let error = try await gate?.refusal(closed, of: try identify(request)) else {
        throw closed
      }
      return SyncRoutes.response([Frame.error(error).encoded])
    } catch is DeviceStore.Revoked {
      return SyncRoutes.response([Frame.error(SyncRoutes.revoked).encoded])
    }
  }

  private static let revoked = SyncError(
    code: "device_revoked",
    message: "This device was signed out by its owner: remove what it holds, and sign in again "
      + "as another device.")

  private func answer(_ request: Request) async throws -> Response {
    let caller = try identify(request)
    if request.body.count <= SyncRoutes.smallBytes {
      let questions = try SyncRoutes.questions(try reader.frames(request.body))
      let taken = try await take(questions, by: caller)
      return try await answer(taken, to: request)
    }
    let taken = try await pushing.through(request.body.count) {
      try await take(try SyncRoutes.questions(try reader.frames(request.body)), by: caller)
    }
    return try await answer(taken, to: request)
  }

  /// Requests up to here are not held up: they are as small in memory as what holds them up.
  private static let smallBytes = 8192

  /// What came of the changes of a request.
  private struct Taken {
    /// Without the pushes.
    let questions: Questions
    var frames: [Frame] = []
    /// The number of revocations when the device was let in.
    let revocations: UInt64
  }

  /// Takes in what a request brings.
  private func take(_ asked: Questions, by caller: Caller) async throws -> Taken {
    var questions = asked
    questions.pushes = []
    var taken = Taken(questions: questions, revocations: devices.revocations)
    try await gate?.check(caller)
    try await devices.note(questions.hello, of: caller)
    // What is in another lane may be about what was not taken in here.
    var end: PushEnd?
    for push in asked.pushes {
      switch end {
      case .fault(var fault):
        fault.lane = push.lane
        taken.frames.append(.error(fault))
      case .parted:
        let none = Push(cid: push.cid, lane: push.lane, mutations: [])
        _ = try await self.push(none, of: questions.hello, by: caller, &taken.frames)
      case nil:
        end = try await self.push(push, of: questions.hello, by: caller, &taken.frames)
      }
    }
    return taken
  }

  /// What ends a push before its end.
  private enum PushEnd {
    case fault(SyncError)
    /// A gap, or a fork.
    case parted
  }

  /// Answers what a request asks, when there is something to answer.
  ///
  /// Each look is made as the caller is then: news of an account end its waits.
  private func answer(_ taken: Taken, to request: Request) async throws -> Response {
    let (questions, frames) = (taken.questions, taken.frames)
    let isWaiting = questions.hello.wait > 0 && frames.isEmpty && questions.streams.isEmpty
    let deadline =
      ambient.time.monotonicNanoseconds()
      + UInt64(min(max(questions.hello.wait, 0), SyncRoutes.longestWait)) * 1_000_000_000
    var revocations = taken.revocations
    var woken: UInt64?
    var waited: UInt64 = 0
    // Where there is a gate, it is asked each time.
    if isWaiting, gate == nil, watch.isOpen {
      let commits = watch.commits
      let caller = try identify(request)
      if devices.revocations == revocations,
        let known = standings.find(
          caller, commits: commits, at: ambient.time.monotonicNanoseconds()),
        known.isInStep(questions.hello)
      {
        let begun = ambient.time.monotonicNanoseconds()
        woken = await watch.wait(for: known.held, since: commits, until: deadline)
        waited += ambient.time.nanoseconds(since: begun)
      }
    }
    while true {
      let commits = watch.commits
      let now = try identify(request)
      if devices.revocations != revocations {
        revocations = devices.revocations
        try await devices.check(questions.hello, of: now)
      }
      let pulled = try await pull(questions, by: now)
      if isWaiting {
        standings.note(
          pulled.standing, of: now, commits: commits, at: ambient.time.monotonicNanoseconds())
      }
      let isLate = ambient.time.monotonicNanoseconds() >= deadline
      guard pulled.isEmpty, frames.isEmpty, !isLate, watch.isOpen, !Task.isCancelled else {
        if case .commit(let commit) = pulled.end {
          try await devices.note(commit, to: questions.hello, of: now)
        }
        if let woken, !pulled.isEmpty { wakes.count(ambient.time.nanoseconds(since: woken)) }
        var response = SyncRoutes.response(pulled, after: frames)
        response.waitedNanoseconds = waited
        return response
      }
      let begun = ambient.time.monotonicNanoseconds()
      woken = await watch.wait(for: pulled.standing.held, since: commits, until: deadline)
      waited += ambient.time.nanoseconds(since: begun)
    }
  }

  /// Carries a push out; gives what ended it before its end, if something did.
  ///
  /// One without mutations is answered with how far its lane is, as a gap.
  private func push(
    _ push: Push, of hello: Hello, by caller: Caller, _ frames: inout [Frame]
  ) async throws -> PushEnd? {
    let gate = gate
    do {
      let taken = try await records.push(
        push, by: caller, actions: actions, lens: versions.pushLens(of: push, for: hello.schema),
        admits: { try await gate?.admit(caller, in: $0) })
      if var pushed = taken.pushed {
        if push.mutations.isEmpty, pushed.state == .taken { pushed.state = .gap }
        frames.append(.pushed(pushed))
        if pushed.state != .taken { return .parted }
      }
      guard let fault = taken.fault else { return nil }
      let error = SyncError(
        code: fault.kind.rawValue, message: fault.message, lane: push.lane,
        retryAfterSeconds: fault.retryAfterSeconds)
      frames.append(.error(error))
      return .fault(error)
    } catch let upgrade as UpgradeRequired {
      let error = SyncError(
        code: "upgrade_required", message: upgrade.message, lane: push.lane)
      frames.append(.error(error))
      return .fault(error)
    }
  }

  private func pull(_ questions: Questions, by caller: Caller) async throws -> Pull.Answer {
    let lens = versions.lens(questions.hello.schema)
    let pull = Pull(
      records: records, epochs: epochs, hello: questions.hello, caller: caller,
      questions: questions.streams, schema: versions.notice(lens), lens: lens,
      now: ambient.time.now(), room: room, pages: pages, time: ambient.time)
    let gate = gate
    let look: @Sendable (any Reader) async throws -> Pull.Answer = { reader in
      try await gate?.check(caller, in: reader)
      return try await pull.answer(in: reader)
    }
    do {
      // Who has nothing yet may be answered with much.
      let hello = questions.hello
      guard hello.streams.isEmpty || !hello.staged.isEmpty || !questions.streams.isEmpty else {
        return try await records.database.read(.snapshot, look)
      }
      return try await pulling.through(1) { try await records.database.read(.snapshot, look) }
    } catch let loss as Pull.LossShown {
      ambient.logger.warning(
        "the database was put back to an older copy: a new epoch of sync begins",
        [("epoch", .string(loss.epoch.description))])
      try await SyncEpochs.renew(loss.epoch, on: records.database, ambient: ambient)
      return try await records.database.read(.snapshot, look)
    }
  }

  private static func questions(_ frames: [Frame]) throws -> Questions {
    guard case .hello(let hello)? = frames.first else {
      throw ClientFault.request(
        "/0", "hello_first", "The first frame of a request is a hello: it says who the client is.")
    }
    var questions = Questions(hello: hello)
    for (index, frame) in frames.enumerated().dropFirst() {
      switch frame {
      case .push(let push):
        guard push.cid == hello.cid else {
          throw ClientFault.request(
            "/\(index)/cid", "client", "A push is of the client that said hello.")
        }
        // Before anything of the request is taken in.
        try RecordStore.check(push)
        questions.pushes.append(push)
      case .ack: continue
      case .hello:
        throw ClientFault.request(
          "/\(index)/frame", "unexpected_frame",
          "A request has one hello, which is its first frame.")
      default:
        // Frames of the server's the reader has refused.
        _ = try questions.streams.take(frame)
      }
    }
    return questions
  }

  private static func response(_ pulled: Pull.Answer, after frames: [Frame]) -> Response {
    var lines = [Frame.welcome(pulled.welcome).encoded]
    lines += frames.map(\.encoded)
    lines += pulled.restart.map { Frame.restart(stream: $0).encoded }
    lines += pulled.deltas
    lines += pulled.reconciled
    lines.append(pulled.end.encoded)
    return response(lines)
  }

  private static func response(_ lines: [[UInt8]]) -> Response {
    var body: [UInt8] = []
    body.reserveCapacity(lines.reduce(0) { $0 + $1.count + 1 })
    for line in lines {
      body.append(contentsOf: line)
      body.append(UInt8(ascii: "\n"))
    }
    var response = Response(
      status: 200, contentType: "application/x-ndjson", body: .bytes(body))
    response.headers.set("Cache-Control", "no-store")
    return response
  }
}

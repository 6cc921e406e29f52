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
  private static let answerBytes = 3_145_728
  /// The longest that an answer is held back, in seconds.
  private static let longestWait = 60

  private let records: RecordStore
  private let epochs: SyncEpochs
  private let devices: DeviceStore
  private let watch: StreamWatch
  private let actions: ActionRunner
  private let identify: Identify
  private let versions: ServedVersions
  private let ambient: Ambient
  private let reader = FrameReader()

  package init(
    records: RecordStore, epochs: SyncEpochs, devices: DeviceStore, watch: StreamWatch,
    actions: ActionRunner, versions: ServedVersions, ambient: Ambient, identify: @escaping Identify
  ) {
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
    router.add(.post, "/v1/sync", body: .buffered(limit: reader.limits.bytes)) {
      try await answer($0)
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
    for conflict in try await records.conflicts(of: caller) {
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

  private func answer(_ request: Request) async throws -> Response {
    let caller = try identify(request)
    let questions = try SyncRoutes.questions(try reader.frames(request.body))
    do {
      try await devices.note(questions.hello, of: caller)
    } catch is DeviceStore.Revoked {
      let error = SyncError(
        code: "device_revoked",
        message: "This device was signed out by its owner: remove what it holds, and sign in again "
          + "as another device.")
      return SyncRoutes.response([Frame.error(error).encoded])
    }
    var frames: [Frame] = []
    for push in questions.pushes {
      frames.append(try await self.push(push, by: caller))
    }
    let deadline =
      ambient.time.monotonicNanoseconds()
      + UInt64(min(max(questions.hello.wait, 0), SyncRoutes.longestWait)) * 1_000_000_000
    while true {
      let commits = watch.commits
      let now = try identify(request)
      let pulled = try await pull(questions, by: now)
      let isLate = ambient.time.monotonicNanoseconds() >= deadline
      guard pulled.isEmpty, frames.isEmpty, !isLate, watch.isOpen, !Task.isCancelled else {
        return SyncRoutes.response(pulled, after: frames)
      }
      await watch.wait(for: pulled.held, since: commits, until: deadline)
    }
  }

  private func push(_ push: Push, by caller: Caller) async throws -> Frame {
    do {
      return .pushed(
        try await records.push(push, by: caller, actions: actions, lens: versions.lens))
    } catch let error as UpgradeRequired {
      return .error(
        SyncError(code: "upgrade_required", message: error.message, lane: push.lane))
    }
  }

  private func pull(_ questions: Questions, by caller: Caller) async throws -> Pull.Answer {
    let pull = Pull(
      records: records, epochs: epochs, hello: questions.hello, caller: caller,
      questions: questions.streams, schema: versions.notice, now: ambient.time.now(),
      room: SyncRoutes.answerBytes)
    do {
      return try await records.database.read(.snapshot) { try await pull.answer(in: $0) }
    } catch let loss as Pull.LossShown {
      ambient.logger.warning(
        "the database was put back to an older copy: a new epoch of sync begins",
        [("epoch", .string(loss.epoch.description))])
      try await SyncEpochs.renew(loss.epoch, on: records.database, ambient: ambient)
      return try await records.database.read(.snapshot) { try await pull.answer(in: $0) }
    }
  }

  private static func questions(_ frames: [Frame]) throws -> Questions {
    guard case .hello(let hello)? = frames.first else {
      throw RoostError.invalid(
        "/0", "hello_first", "The first frame of a request is a hello: it says who the client is.")
    }
    var questions = Questions(hello: hello)
    for (index, frame) in frames.enumerated().dropFirst() {
      switch frame {
      case .push(let push):
        guard push.cid == hello.cid else {
          throw RoostError.invalid(
            "/\(index)/cid", "client", "A push is of the client that said hello.")
        }
        questions.pushes.append(push)
      case .ack: continue
      default:
        guard try questions.streams.take(frame) else {
          throw RoostError.invalid(
            "/\(index)/frame", "unexpected_frame",
            "A client sends hello, push, digest, leaves and fetch; \(frame.name) is the server's.")
        }
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

import RoostCore
import Testing

@testable import SyncProtocol

@Suite struct FrameLimitTests {
  private func fault(_ body: String, _ limits: FrameLimits = FrameLimits()) -> RoostError? {
    fault(body, FrameReader(limits: limits))
  }

  private func fault(_ body: String, _ reader: FrameReader) -> RoostError? {
    do {
      _ = try reader.frames(Array(body.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: FrameVectors.refused.indices) func aFaultyFrameIsRefusedAtItsPlace(_ index: Int)
  {
    let (text, code, pointer) = FrameVectors.refused[index]
    let error = fault(text)
    #expect(error?.code == .malformed)
    #expect(error?.issues.first?.code == code)
    #expect(error?.issues.first?.pointer == pointer)
  }

  @Test(arguments: FrameVectors.rejected.indices)
  func aFaultyOperationIsKeptForItsAnswer(_ index: Int) throws {
    let (ops, code, pointer) = FrameVectors.rejected[index]
    let genesis = Chain.genesis(client: FrameTests.cid, lane: .live)
    let content = try JSON.parse(text: ops)
    let chain = Chain.next(genesis, seq: 1, nonce: 7, schema: "1.0.0", operations: content)
    let sound = FrameTests.mutation(2, after: chain)
    let text = """
      {"frame":"push","cid":"\(FrameTests.cid)","lane":"LIVE","muts":[{"seq":1,\
      "nonce":"0000000000000007","prev":"\(genesis)","chain":"\(chain)",\
      "hlc":"\(FrameTests.stamp)","schema":"1.0.0","ops":\(ops)},{"seq":2,\
      "nonce":"\(Digits.hexadecimal(sound.nonce))","chain":"\(sound.chain)",\
      "hlc":"\(sound.stamp)","schema":"1.2.0",\
      "ops":\(JSON.array(sound.operations.map(\.json)).text)}]}
      """
    guard case .push(let push) = try FrameReader().frame(Array(text.utf8)) else {
      Issue.record("not a push")
      return
    }
    #expect(push.mutations[0].fault?.code == code)
    #expect(push.mutations[0].fault?.pointer == pointer)
    // For the developer; what a person is told stands in front of it in the result.
    let message = try #require(push.mutations[0].fault?.message)
    #expect(!message.isEmpty && !message.contains(ClientFault.sentence))
    #expect(push.mutations[1] == sound)
  }

  @Test func aChainThatDoesNotBelongToItsContentIsAFaultOfTheMutation() throws {
    let genesis = Chain.genesis(client: FrameTests.cid, lane: .live)
    let sound = FrameTests.mutation(1, after: genesis)
    let forged = ClientMutation(
      seq: 1, nonce: sound.nonce, oid: sound.oid, prev: sound.prev, chain: sound.chain,
      stamp: sound.stamp, schema: "1.2.1", operations: sound.operations)
    for (mutation, code) in [(sound, nil), (forged, "chain_mismatch")] {
      let push = Frame.push(Push(cid: FrameTests.cid, lane: .live, mutations: [mutation]))
      guard case .push(let read) = try FrameReader().frame(push.encoded) else { return }
      #expect(read.mutations[0].fault?.code == code)
    }
  }

  @Test func requestsAreBounded() throws {
    let genesis = Chain.genesis(client: FrameTests.cid, lane: .live)
    var mutations = [FrameTests.mutation(1, after: genesis)]
    for seq in 2...3 {
      mutations.append(FrameTests.mutation(Int64(seq), after: mutations[seq - 2].chain))
    }
    func body(_ counts: [Int]) -> String {
      counts.map { count in
        let push = Push(cid: FrameTests.cid, lane: .live, mutations: Array(mutations.prefix(count)))
        return String(decoding: Frame.push(push).encoded, as: UTF8.self)
      }.joined(separator: "\n")
    }
    var limits = FrameLimits()
    limits.mutations = 4
    #expect(fault(body([2, 2]), limits) == nil)
    #expect(fault(body([3, 2]), limits)?.code == .payloadTooLarge)
    limits.frames = 2
    #expect(
      fault("{\"frame\":\"more\",\"page\":1}\n\n{\"frame\":\"more\",\"page\":1}\r\n", limits) == nil
    )
    #expect(
      fault("{\"frame\":\"more\",\"page\":1}\n{\"frame\":\"more\",\"page\":1}\n{}", limits)?.code
        == .payloadTooLarge)
    limits.bytes = body([2]).utf8.count
    #expect(fault(body([2]), limits) == nil)
    #expect(fault(body([2]) + " ", limits)?.code == .payloadTooLarge)
    limits.operations = 5
    guard case .push(let push) = try FrameReader(limits: limits).frame(Array(body([1]).utf8)) else {
      return
    }
    #expect(push.mutations[0].fault?.code == "type")
    let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(fault("{\"frame\":\"more\",\"page\":1,\"x\":\(deep)}")?.issues.first?.code == "syntax")
    #expect(fault("{\"frame\":\"more\",\"page\":1,\"x\":[[[]]]}") == nil)
  }

  @Test(arguments: [
    ("{\"frame\":\"hello\"}", ["wall", "cid", "schema"], "wall, cid and schema are required."),
    (
      "{\"frame\":\"hello\",\"wall\":1,\"cid\":null}", ["cid", "schema"],
      "cid and schema are required."
    ),
    (
      "{\"frame\":\"hello\",\"wall\":1,\"cid\":\"\(FrameTests.cid)\"}", ["schema"],
      "schema is required."
    ),
    ("{\"frame\":\"push\"}", ["cid", "lane", "muts"], "cid, lane and muts are required."),
    (
      "{\"frame\":\"push\",\"cid\":\"\(FrameTests.cid)\",\"lane\":\"LIVE\",\"muts\":[{\"seq\":1}]}",
      ["muts/0/nonce", "muts/0/chain", "muts/0/hlc", "muts/0/schema", "muts/0/ops"],
      "nonce, chain, hlc, schema and ops are required."
    ),
  ])
  func allMembersThatAreMissingAreNamed(
    _ frame: String, _ missing: [String], _ message: String
  ) {
    let error = fault(frame)
    #expect(error?.issues.map(\.pointer) == missing.map { "/0/" + $0 })
    #expect(error?.issues.allSatisfy { $0.code == "required" } == true)
    #expect(error?.detail == message)
  }

  @Test(arguments: [
    ("\"HOURY\"", "A tier is one of LIVE, HOURLY, DAILY and ON_DEMAND; \"HOURY\" is none."),
    ("7", "A tier is one of LIVE, HOURLY, DAILY and ON_DEMAND."),
  ])
  func aTierThatIsNoneIsNamedAtItsPlace(_ tier: String, _ message: String) {
    let issue = fault(
      """
      {"frame":"hello","cid":"\(FrameTests.cid)","schema":"1.0.0","wall":1,\
      "tiers":["LIVE",\(tier)]}
      """)?.issues.first
    #expect(issue?.pointer == "/0/tiers/1")
    #expect(issue?.code == "enum")
    #expect(issue?.message == message)
  }

  /// By its name: what such a frame has to hold is nothing that a client needs to know.
  @Test func whoReadsRequestsRefusesTheFramesOfTheServer() throws {
    let clients: Set = ["hello", "push", "digest", "leaves", "fetch", "ack"]
    let reader = FrameReader(readsRequests: true)
    for name in Set(FrameTests.all.map(\.name)) {
      let issues = fault("{\"frame\":\"\(name)\"}", reader)?.issues ?? []
      let isRefused = issues.map { $0.pointer + " " + $0.code } == ["/0/frame unexpected_frame"]
      #expect(isRefused == !clients.contains(name), "\(name): \(issues)")
    }
    for frame in FrameTests.all where clients.contains(frame.name) {
      #expect(try reader.frame(frame.encoded).encoded == frame.encoded)
    }
  }

  @Test(arguments: ["name", "platform"]) func aNULInTheNoticeOfADeviceIsRefused(_ member: String) {
    func hello(_ text: String) -> String {
      """
      {"frame":"hello","cid":"\(FrameTests.cid)","schema":"1.0.0","wall":1,\
      "device":{"id":"\(FrameTests.row)","\(member)":"\(text)"}}
      """
    }
    #expect(fault(hello("Ann\\u0001s")) == nil)
    let issue = fault(hello("Ann\\u0000s"))?.issues.first
    #expect(issue?.pointer == "/0/device/\(member)")
    #expect(issue?.code == "type")
  }

  @Test func noBytesTrap() {
    let reader = FrameReader()
    for frame in FrameTests.all {
      let bytes = frame.encoded
      var dice = Dice(bytes.count)
      for _ in 0..<300 {
        var damaged = bytes
        for _ in 0...dice.roll(0...2) {
          damaged[dice.roll(0...damaged.count - 1)] = UInt8(dice.roll(0...127))
        }
        _ = try? reader.frames(damaged)
      }
    }
  }

  @Test func deltasWrittenPieceByPieceAreFrames() throws {
    let bands = CollectionTag("ba\"nds")
    var writer = DeltaWriter(
      stream: 17, from: 3, masks: [2: Mask(collection: "bands", fields: ["name"])], capacity: 1)
    writer.put(
      seq: 4, collection: bands, id: FrameTests.row, version: 2, mask: 2, baseVersion: 1,
      clocks: Array("{\"name\":\"\(FrameTests.stamp)\"}".utf8),
      fields: Array("{\"name\":\"x\"}".utf8))
    writer.beginPut(seq: 5, collection: bands, id: FrameTests.cid, version: 7)
    writer.json.beginObject()
    writer.json.endObject()
    writer.endPut()
    writer.remove(
      seq: .max, collection: bands, id: FrameTests.row, version: .min, isDeleted: true)
    writer.remove(seq: 9, collection: bands, id: FrameTests.row, version: 8, isDeleted: false)
    #expect(writer.entryCount == 4)
    let text = String(decoding: writer.finish(to: 9), as: UTF8.self)
    let row = RowKey(collection: "ba\"nds", id: FrameTests.row)
    let delta = Delta(
      stream: 17, from: 3, to: 9,
      entries: [
        StreamEntry(
          seq: 4, row: row, kind: .put, version: 2, mask: 2, fields: ["name": "x"],
          clocks: ["name": FrameTests.stamp], baseVersion: 1),
        StreamEntry(
          seq: 5, row: RowKey(collection: "ba\"nds", id: FrameTests.cid), kind: .put, version: 7),
        StreamEntry(seq: .max, row: row, kind: .delete, version: .min),
        StreamEntry(seq: 9, row: row, kind: .leave, version: 8),
      ], masks: [2: Mask(collection: "bands", fields: ["name"])])
    #expect(text == String(decoding: Frame.delta(delta).encoded, as: UTF8.self))
  }
}

import Synchronization
import Testing

@testable import RoostCore
@testable import RoostServer

@Suite("Traces that wait")
struct SpanQueueTests {
  private func trace(_ spans: Int) throws -> Trace {
    let tracer = Tracer(share: 1, perSecond: 100_000, ambient: Ambient(), sink: SpanQueue())
    let scope = try #require(tracer.begin(parent: nil, state: nil, at: 1)).scope
    for _ in 0..<spans { scope.record("a", since: scope.now) }
    return scope.trace
  }

  @Test func theQueueIsBoundedAndCountsWhatItDrops() throws {
    let queue = SpanQueue(most: 10)
    for _ in 0..<4 { queue.take(try trace(4)) }
    #expect(queue.count == 8)
    #expect(queue.figures.dropped == 8)
    #expect(queue.next(1).map(\.spans.count) == [4])
    queue.take(try trace(4))
    #expect(queue.next(.max).map(\.spans.count) == [4, 4])
    #expect(queue.count == 0 && queue.next(5).isEmpty)
  }

  @Test func documentsAreAsOTLPHasThem() throws {
    let span = Span(
      id: 0x0A, parent: 0x0B, name: "a \"b\"", kind: .server, start: 1, end: 2,
      attributes: [("n", .int(7)), ("s", .string("x"))], hasFailed: true)
    let bytes = TraceDocument.bytes(
      [SpanQueue.Finished(id: String(repeating: "1", count: 32), state: "k=v", spans: [span])],
      resource: [("service.name", .string("roost"))])
    #expect(
      String(decoding: bytes, as: UTF8.self) == """
        {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":\
        {"stringValue":"roost"}}]},"scopeSpans":[{"scope":{"name":"roost"},"spans":[{"traceId":\
        "11111111111111111111111111111111","spanId":"000000000000000a","parentSpanId":\
        "000000000000000b","traceState":"k=v","name":"a \\"b\\"","kind":2,"startTimeUnixNano":"1",\
        "endTimeUnixNano":"2","attributes":[{"key":"n","value":{"intValue":"7"}},{"key":"s",\
        "value":{"stringValue":"x"}}],"status":{"code":2}}]}]}]}
        """)
  }
}

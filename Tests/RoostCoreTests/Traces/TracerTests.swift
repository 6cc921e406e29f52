import RoostCore
import Synchronization
import Testing

@Suite("Tracers")
struct TracerTests {
  private final class Hands: TimeSource {
    let nanoseconds = Mutex<UInt64>(5_000_000_000)
    func now() -> Timestamp { Timestamp(milliseconds: 1_700_000_000_000) }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
  }

  /// Numbers that are the same in each run.
  private final class Dice: RandomSource {
    let state = Mutex<UInt64>(7)
    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
      for index in buffer.indices {
        buffer[index] = state.withLock { state in
          state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          return UInt8(truncatingIfNeeded: state >> 33)
        }
      }
    }
  }

  private final class Basket: TraceSink {
    let traces = Mutex<[Trace]>([])
    func take(_ trace: Trace) { traces.withLock { $0.append(trace) } }
  }

  private static let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  private static let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

  private func tracer(_ share: Double, perSecond: Int = 1_000_000) -> Tracer {
    Tracer(
      share: share, perSecond: perSecond, ambient: Ambient(time: Hands(), random: Dice()),
      sink: Basket())
  }

  private func share(_ tracer: Tracer, parent: String? = nil, of count: Int = 10_000) -> Double {
    var traced = 0
    for _ in 0..<count where tracer.begin(parent: parent, state: nil, at: 1) != nil { traced += 1 }
    return Double(traced) / Double(count)
  }

  @Test func aShareOfTheRequestsIsTraced() {
    #expect(share(tracer(0)) == 0)
    #expect(share(tracer(1)) == 1)
    let tenth = share(tracer(0.1))
    #expect(tenth > 0.08 && tenth < 0.12)
  }

  @Test func whoIsInATraceDecides() throws {
    #expect(share(tracer(0), parent: TracerTests.sampled, of: 10) == 1)
    #expect(share(tracer(1), parent: TracerTests.unsampled, of: 10) == 0)
    // What is malformed is none, and its state is none either.
    #expect(share(tracer(0), parent: "00-nonsense", of: 10) == 0)
    let fresh = try #require(tracer(1).begin(parent: "00-nonsense", state: "a=1", at: 1))
    #expect(fresh.parent == 0 && fresh.scope.trace.state == nil)
    let followed = try #require(
      tracer(0).begin(parent: TracerTests.sampled, state: "a=1", at: 1))
    #expect(followed.scope.trace.id == "0af7651916cd43dd8448eb211c80319c")
    #expect(TraceContext.hexadecimal(followed.parent) == "b7ad6b7169203331")
    #expect(followed.scope.trace.state == "a=1")
    #expect(followed.scope.span != followed.parent)
  }

  @Test func nobodyHasMoreTracedThanASecondHasRoomFor() {
    let tracer = tracer(0, perSecond: 3)
    for second in 1...2 as ClosedRange<UInt64> {
      var traced = 0
      for _ in 0..<10 {
        if tracer.begin(parent: TracerTests.sampled, state: nil, at: second * 1_000_000_000) != nil
        {
          traced += 1
        }
      }
      #expect(traced == 3)
    }
    #expect(tracer.traced == 6 && tracer.refused == 14)
  }

  @Test func spansHaveTheTimeOfTheWallAndAreBounded() throws {
    let tracer = tracer(1)
    let scope = try #require(tracer.begin(parent: nil, state: nil, at: 1)).scope
    scope.trace.record("a", in: scope.span, from: 5_000_000_001, to: 5_000_000_003)
    for _ in 0..<Trace.mostSpans { scope.record("b", since: 5_000_000_000) }
    scope.trace.record("own", .server, id: scope.span, in: 0, from: 5_000_000_000, to: 0)
    let (spans, dropped) = scope.trace.take()
    #expect(spans.count == Trace.mostSpans + 1 && dropped == 1)
    #expect(spans[0].start == 1_700_000_000_000_000_001 && spans[0].end - spans[0].start == 2)
    #expect(spans[0].parent == scope.span)
    // The request's own span is never without room, and no span ends before it begins.
    #expect(spans.last?.name == "own" && spans.last?.start == spans.last?.end)
    #expect(Set(spans.map(\.id)).count == spans.count)
  }
}

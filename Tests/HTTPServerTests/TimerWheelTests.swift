import Testing

@testable import HTTPServer

@Suite("Timer wheel")
struct TimerWheelTests {
  @Test("Each descriptor is due once, at its tick and not before")
  func due() {
    var wheel = TimerWheel()
    // Beyond one turn of the wheel, at its seam, and two in one slot.
    let deadlines: [Int32: UInt32] = [0: 1, 1: 5, 2: 511, 3: 512, 4: 513, 5: 517, 6: 1029, 7: 5]
    for (descriptor, tick) in deadlines { wheel.schedule(descriptor, at: tick) }
    var found: [Int32: UInt32] = [:]
    for tick in 1...1100 as ClosedRange<UInt32> {
      for descriptor in wheel.advance(to: tick) {
        #expect(found[descriptor] == nil)
        found[descriptor] = tick
      }
    }
    #expect(found == deadlines)
  }

  @Test("A cancelled or moved deadline does not fire at its old tick")
  func moved() {
    var wheel = TimerWheel()
    for descriptor in 0..<4 as Range<Int32> { wheel.schedule(descriptor, at: 10) }
    wheel.cancel(1)
    wheel.cancel(1)
    wheel.schedule(2, at: 20)
    #expect(wheel.advance(to: 10).sorted() == [0, 3])
    #expect(wheel.advance(to: 19).isEmpty)
    #expect(wheel.advance(to: 20) == [2])
    wheel.schedule(9, at: 3)
    #expect(wheel.advance(to: 21) == [9])
  }

  @Test("A long pause makes everything due that should be")
  func pause() {
    var wheel = TimerWheel()
    for descriptor in 0..<100 as Range<Int32> {
      wheel.schedule(descriptor, at: UInt32(descriptor) * 50 + 1)
    }
    #expect(wheel.advance(to: 2501).count == 51)
    #expect(wheel.advance(to: 100_000).count == 49)
  }
}

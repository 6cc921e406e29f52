import RoostCore
import SyncProtocol
import Testing

@testable import Records

@Suite struct RowClocksTests {
  private func clock(_ time: UInt64, _ client: UInt64 = 0) -> FieldClock {
    FieldClock(time: HybridTime(rawValue: time), client: UUID(high: 0, low: client))
  }

  @Test func whatIsWrittenIsReadBack() {
    var clocks = RowClocks(base: clock(7))
    #expect(clocks.encoded.count == 13)
    clocks.set(3, clock(9, 5))
    clocks.set(300, clock(.max, 6))
    clocks.set(3, clock(10, 5))
    clocks.setPart(4, "[\"a\",\"b\"]", clock(11), isRemoved: false)
    clocks.setPart(4, "\"é\"", clock(12, 6), isRemoved: true)
    let read = RowClocks(encoded: clocks.encoded)
    #expect(read == clocks)
    #expect(read.clock(3) == clock(10, 5))
    #expect(read.clock(1) == clock(7))
    #expect(read.part(4, "\"é\"")?.isRemoved == true)
    #expect(read.latest(4) == clock(12, 6))
  }

  @Test func aRowThatComesBackIsWrittenWhenItSaysSo() {
    for clocks in [RowClocks(restored: clock(7)), RowClocks(base: clock(7))] {
      let read = RowClocks(encoded: clocks.encoded)
      #expect(read == clocks)
      #expect(read.clock(1) == clock(7))
      #expect(read.clocks(of: 1, withParts: true).origin == clock(7))
    }
    var clocks = RowClocks(encoded: RowClocks(restored: clock(7)).encoded)
    clocks.set(1, clock(9))
    #expect(clocks.clocks(of: 1, withParts: false).floor == clock(7))
    #expect(RowClocks(base: clock(7)).clocks(of: 1, withParts: true).floor == .zero)
  }

  @Test func whatTheServerWritesIsBehindTheCreationToo() {
    var clocks = RowClocks(base: clock(7))
    clocks.set(1, clock(5, 1))
    #expect(clocks.latest(1) == clock(7))
  }

  @Test func aDamagedEncodingReadsAsTheOldestClockAndNeverTraps() {
    var clocks = RowClocks(base: clock(7, 9))
    clocks.set(3, clock(9, 5))
    clocks.setPart(4, "k", clock(11), isRemoved: true)
    let whole = clocks.encoded
    for length in 0..<whole.count {
      #expect(RowClocks(encoded: Array(whole[0..<length])).clock(1) == clock(0))
    }
    for index in whole.indices {
      var damaged = whole
      damaged[index] = 0xFF
      _ = RowClocks(encoded: damaged)
    }
  }
}

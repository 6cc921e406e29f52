import RoostCore
import SyncProtocol
import Testing

@testable import SyncClient

/// Which streams a pull of some tiers has brought whole.
@Suite struct StreamTableTests {
  private let histories = (1...4).map { UUID(high: 0x7000, low: 0x8000_0000_0000_0000 | $0) }

  /// Holds stream 5, which the first history named as one of `tier`.
  private func holding(_ tier: Lane) -> StreamTable {
    var table = StreamTable()
    table.begin(histories[0])
    table.add(StreamNotice(stream: 5, tier: tier))
    table.commit(heads: [5: 9], dropped: [], brought: [])
    return table
  }

  /// Brings whatever there is, of whatever tier.
  private func bring(_ table: inout StreamTable, _ heads: [Int64: Int64]) {
    let brought = table.brought(by: heads, tiers: Set(Lane.allCases))
    table.commit(heads: heads, dropped: [], brought: brought)
  }

  @Test("Behind put-backs a number is of the tier that it was named as", arguments: 1...3)
  func putBacks(count: Int) {
    var table = holding(.live)
    for history in histories[1...count] {
      bring(&table, [5: 3])
      table.begin(history)
    }
    // It means another stream by now: what was held under it goes with the tier that it had.
    #expect(table.brought(by: [:], tiers: [.live]) == [5])
    #expect(table.brought(by: [:], tiers: [.daily]) == [])
    #expect(table.cursors == [5: 0])
  }

  @Test("A stream that comes anew within a history has the tier of that history alone")
  func anew() {
    var table = holding(.daily)
    table.begin(histories[1])
    bring(&table, [5: 3])
    table.beginAnew()
    // The number may be of another tier since then, and is not named again.
    #expect(table.brought(by: [:], tiers: [.daily]) == [])
    #expect(table.brought(by: [5: 4], tiers: [.live]) == [5])
  }

  @Test("What has not come behind a put-back keeps its tier when it is to come anew")
  func anewBeforeItCame() {
    var table = holding(.live)
    table.begin(histories[1])
    table.beginAnew()
    #expect(table.brought(by: [:], tiers: [.live]) == [5])
    #expect(table.brought(by: [:], tiers: [.daily]) == [])
  }
}

import RoostCore
import SyncProtocol
import Testing

@testable import Sync

@Suite("Deltas that were encoded for others")
struct DeltaPagesTests {
  private static let epoch = UUID(high: 1, low: 1)
  private static let second: UInt64 = 1_000_000_000

  private func key(
    _ stream: Int64 = 1, from: Int64 = 0, head: Int64 = 9, purges: Int64 = 0,
    epoch: UUID = DeltaPagesTests.epoch
  ) -> DeltaPages.Key {
    DeltaPages.Key(epoch: epoch, purges: purges, stream: stream, from: from, head: head)
  }

  private func page(_ count: Int = 10, to: Int64 = 9, room: Int = 100) -> DeltaPages.Page {
    DeltaPages.Page(
      bytes: [UInt8](repeating: 7, count: count), to: to,
      masks: [3: SyncProtocol.Mask(collection: "notes", fields: ["title"])], room: room)
  }

  @Test func aPageIsFoundAgainWithItsMasks() {
    let pages = DeltaPages()
    pages.keep(page(), for: key(), at: 0)
    let found = pages.page(key(), room: 100, at: 1)
    #expect(found?.bytes.count == 10)
    #expect(found?.to == 9)
    #expect(found?.masks[3]?.fields == ["title"])
  }

  @Test func whatDiffersInAnythingThatMovesTheBytesIsNotFound() {
    let pages = DeltaPages()
    pages.keep(page(), for: key(), at: 0)
    let others = [
      key(2), key(from: 1), key(head: 10), key(purges: 1), key(epoch: UUID(high: 1, low: 2)),
    ]
    for other in others { #expect(pages.page(other, room: 100, at: 1) == nil) }
    #expect(pages.page(key(), room: 100, at: 1) != nil)
  }

  @Test func aPageIsForgottenAfterTenSeconds() {
    let pages = DeltaPages()
    pages.keep(page(), for: key(), at: 0)
    #expect(pages.page(key(), room: 100, at: 10 * DeltaPagesTests.second - 1) != nil)
    #expect(pages.page(key(), room: 100, at: 10 * DeltaPagesTests.second) == nil)
    #expect(pages.byteCount == 0)
  }

  @Test(arguments: [(10, true), (9, false)])
  func aPageIsGivenWhereThereIsRoomForIt(_ room: Int, _ isGiven: Bool) {
    let pages = DeltaPages()
    pages.keep(page(10, room: 50), for: key(), at: 0)
    #expect((pages.page(key(), room: room, at: 1) != nil) == isGiven)
  }

  @Test func aPageThatWentBeyondItsRoomIsGivenToThoseWithAsMuch() {
    let pages = DeltaPages()
    pages.keep(page(60, to: 5, room: 50), for: key(), at: 0)
    #expect(pages.page(key(), room: 50, at: 1)?.to == 5)
    #expect(pages.page(key(), room: 49, at: 1) == nil)
  }

  @Test func thePagesThatWereAskedForLongestAgoMakeRoom() {
    let pages = DeltaPages(capacity: 100)
    for stream in 1...4 { pages.keep(page(25), for: key(Int64(stream)), at: 0) }
    #expect(pages.byteCount == 100)
    _ = pages.page(key(1), room: 100, at: 1)
    pages.keep(page(25), for: key(5), at: 2)
    #expect(pages.byteCount == 75)
    #expect(pages.page(key(1), room: 100, at: 3) != nil)
    #expect(pages.page(key(2), room: 100, at: 3) == nil)
    #expect(pages.page(key(3), room: 100, at: 3) == nil)
    #expect(pages.page(key(4), room: 100, at: 3) != nil)
    #expect(pages.page(key(5), room: 100, at: 3) != nil)
  }

  @Test func aPageThatWouldPushOutTheOthersIsNotKept() {
    let pages = DeltaPages(capacity: 100)
    pages.keep(page(25), for: key(1), at: 0)
    pages.keep(page(26), for: key(2), at: 0)
    #expect(pages.page(key(1), room: 100, at: 1) != nil)
    #expect(pages.page(key(2), room: 100, at: 1) == nil)
  }

  @Test(arguments: [(0, false), (1, true)] as [(Int64, Bool)])
  func aPageThatLeadsNowhereIsNotKept(_ to: Int64, _ isKept: Bool) {
    let pages = DeltaPages()
    pages.keep(page(10, to: to, room: 12), for: key(from: 0), at: 0)
    #expect((pages.page(key(from: 0), room: 100, at: 1) != nil) == isKept)
  }

  @Test func theSamePageTwiceCountsOnce() {
    let pages = DeltaPages()
    pages.keep(page(10), for: key(), at: 0)
    pages.keep(page(20), for: key(), at: 1)
    #expect(pages.byteCount == 20)
  }
}

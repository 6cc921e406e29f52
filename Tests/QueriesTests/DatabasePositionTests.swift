import Queries
import Testing

@Suite struct DatabasePositionTests {
  @Test(arguments: [(0, 0), (1, 2), (UInt64.max, UInt64.max), (0xAB, 0xCD00)])
  func `a position is read as it was written`(epoch: UInt64, place: UInt64) {
    let position = DatabasePosition(epoch: epoch, place: place)
    #expect(position.text.utf8.count == 32)
    #expect(DatabasePosition(position.text) == position)
  }

  @Test(arguments: [
    "", "0", String(repeating: "0", count: 31), String(repeating: "0", count: 33),
    String(repeating: "A", count: 32), String(repeating: "g", count: 32),
    "-" + String(repeating: "0", count: 31), String(repeating: "é", count: 16),
  ])
  func `anything else is none`(text: String) { #expect(DatabasePosition(text) == nil) }

  @Test func `a reader asks for what it has seen, and never for less`() {
    let track = ReadTrack(needed: DatabasePosition(epoch: 1, place: 5))
    #expect(track.seen == nil)
    track.note(DatabasePosition(epoch: 1, place: 9))
    track.note(DatabasePosition(epoch: 1, place: 7))
    #expect(track.needed == DatabasePosition(epoch: 1, place: 9))
    track.note(DatabasePosition(epoch: 2, place: 3))
    #expect(track.seen == DatabasePosition(epoch: 2, place: 3))
  }
}

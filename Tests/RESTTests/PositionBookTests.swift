import Queries
import REST
import RoostCore
import Testing

@Suite struct PositionBookTests {
  private static func place(_ place: UInt64, epoch: UInt64 = 1) -> DatabasePosition {
    DatabasePosition(epoch: epoch, place: place)
  }

  private static func id(_ number: UInt8) -> UUID? {
    UUID(
      "00000000-0000-7000-8000-0000000000" + (number < 16 ? "0" : "") + String(number, radix: 16))
  }

  @Test func `an account has what it reached, others what there was at the start`() {
    var book = PositionBook(start: Self.place(5))
    book.raise(Self.id(1), to: Self.place(9))
    book.raise(Self.id(1), to: Self.place(7))
    book.raise(nil, to: Self.place(100))
    #expect(book.position(of: Self.id(1)) == Self.place(9))
    #expect(book.position(of: Self.id(2)) == Self.place(5))
    #expect(book.position(of: nil) == Self.place(5))
  }

  @Test(arguments: 1...5)
  func `nobody's own write is forgotten, however little room there is`(room: Int) throws {
    var book = PositionBook(start: Self.place(0), room: room)
    var written: [UInt8: UInt64] = [:]
    var random = SystemRandomNumberGenerator()
    for step in 1...2000 as ClosedRange<UInt64> {
      let account = UInt8.random(in: 0..<20, using: &random)
      // Answers overtake one another.
      let place = step > 3 ? step - UInt64.random(in: 0...3, using: &random) : step
      book.raise(Self.id(account), to: Self.place(place))
      written[account] = max(written[account] ?? 0, place)
      for (account, place) in written {
        #expect(book.position(of: Self.id(account)).place >= place)
      }
    }
    // What is bounded is forgotten: the oldest account is asked for little more than it wrote.
    #expect(book.position(of: nil).place < 2000)
  }

  @Test func `another epoch begins anew, and the old one is over`() {
    var book = PositionBook(start: Self.place(50))
    book.raise(Self.id(1), to: Self.place(90))
    book.raise(Self.id(2), to: Self.place(10, epoch: 2))
    #expect(book.position(of: Self.id(1)) == Self.place(10, epoch: 2))
    book.raise(Self.id(2), to: Self.place(20, epoch: 2))
    // Told late.
    book.raise(Self.id(1), to: Self.place(99))
    #expect(book.position(of: Self.id(1)) == Self.place(10, epoch: 2))
    #expect(book.position(of: Self.id(2)) == Self.place(20, epoch: 2))
  }
}

import RoostCore
import Testing

@testable import REST

@Suite("Times of HTTP")
struct HTTPDateTests {
  @Test(arguments: [
    ("1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
    ("2027-01-31T00:00:00Z", "Sun, 31 Jan 2027 00:00:00 GMT"),
    ("2028-02-29T12:00:00.999Z", "Tue, 29 Feb 2028 12:00:00 GMT"),
  ])
  func areWritten(_ time: String, _ text: String) throws {
    #expect(HTTPDate.text(try #require(Timestamp(time))) == text)
  }

  @Test func secondsBeforeTheEpochAreRoundedDown() {
    #expect(Timestamp.seconds(Timestamp(milliseconds: -1)) == -1)
    #expect(Timestamp.seconds(Timestamp(milliseconds: 1999)) == 1)
  }
}

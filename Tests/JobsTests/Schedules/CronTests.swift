import Jobs
import RoostCore
import Testing

@Suite struct CronTests {
  /// The next three times after a moment, as instants.
  private func next(
    _ expression: String, _ zone: String, after text: String, count: Int = 3
  ) throws -> [String] {
    let cron = try CronExpression(expression)
    let zone = try ZoneFolder.system.zone(zone)
    var place = try #require(Timestamp(text)).milliseconds / 1000
    var times: [String] = []
    for _ in 0..<count {
      guard let moment = cron.next(after: place, in: zone) else { break }
      place = moment.instant
      let text = Timestamp(milliseconds: place * 1000).description
      times.append(String(text.prefix(16)))
    }
    return times
  }

  @Test(arguments: [
    ("30 9 * * MON-FRI", "2026-01-01T09:30", "2026-01-02T09:30", "2026-01-05T09:30"),
    ("*/20 9-10 * * *", "2026-01-01T09:00", "2026-01-01T09:20", "2026-01-01T09:40"),
    ("0 0 29 2 *", "2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"),
    ("5,10 0 1 jan,JUL *", "2026-01-01T00:05", "2026-01-01T00:10", "2026-07-01T00:05"),
    // Either day is enough where both are restricted; a star restricts nothing.
    ("0 12 13 * 5", "2026-01-02T12:00", "2026-01-09T12:00", "2026-01-13T12:00"),
    ("0 12 */2 * FRI", "2026-01-09T12:00", "2026-01-23T12:00", "2026-02-13T12:00"),
    ("0 6 * * 7", "2026-01-04T06:00", "2026-01-11T06:00", "2026-01-18T06:00"),
    ("0 6 * * 0", "2026-01-04T06:00", "2026-01-11T06:00", "2026-01-18T06:00"),
    ("0 6 * * SAT-SUN", "2026-01-03T06:00", "2026-01-04T06:00", "2026-01-10T06:00"),
    ("10-30/10 1 * * *", "2026-01-01T01:10", "2026-01-01T01:20", "2026-01-01T01:30"),
    ("@daily", "2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00"),
    ("@weekly", "2026-01-04T00:00", "2026-01-11T00:00", "2026-01-18T00:00"),
    ("@monthly", "2026-02-01T00:00", "2026-03-01T00:00", "2026-04-01T00:00"),
    ("@YEARLY", "2027-01-01T00:00", "2028-01-01T00:00", "2029-01-01T00:00"),
    ("@hourly", "2026-01-01T01:00", "2026-01-01T02:00", "2026-01-01T03:00"),
    ("* * * * *", "2026-01-01T00:01", "2026-01-01T00:02", "2026-01-01T00:03"),
    ("0 * 1 3 *", "2026-03-01T00:00", "2026-03-01T01:00", "2026-03-01T02:00"),
  ])
  func timesInUTC(_ expression: String, _ one: String, _ two: String, _ three: String) throws {
    #expect(
      try next(expression, "UTC", after: "2026-01-01T00:00:00Z") == [one, two, three])
  }

  /// Each wall time is due once in a day, whatever the clocks do.
  @Test(arguments: [
    // 02:30 is skipped on 29 March: due when the clocks skip it.
    (
      "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
      ["2026-03-29T01:00", "2026-03-30T00:30", "2026-03-31T00:30"]
    ),
    // 02:30 is shown twice on 25 October: due at the first.
    (
      "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
      ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"]
    ),
    // Asked between the two.
    (
      "30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z",
      ["2026-10-26T01:30", "2026-10-27T01:30", "2026-10-28T01:30"]
    ),
    // Half an hour on Lord Howe: 01:45 is shown twice on 5 April, 02:15 is skipped on 4 October.
    (
      "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
      ["2026-04-04T14:45", "2026-04-05T15:15", "2026-04-06T15:15"]
    ),
    (
      "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
      ["2026-10-03T15:30", "2026-10-04T15:15", "2026-10-05T15:15"]
    ),
    // The southern summer ends in April.
    (
      "30 2 * * *", "Australia/Sydney", "2026-04-04T00:00:00Z",
      ["2026-04-04T15:30", "2026-04-05T16:30", "2026-04-06T16:30"]
    ),
    // Samoa left a whole day out.
    (
      "0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
      ["2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00"]
    ),
    // Several skipped times are due together, and so once.
    (
      "*/15 2 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z",
      ["2026-03-29T01:00", "2026-03-30T00:00", "2026-03-30T00:15"]
    ),
    // Every hour goes by what has passed.
    (
      "30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
      ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30"]
    ),
    (
      "30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
      ["2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30"]
    ),
  ])
  func timesWhereClocksAreMoved(
    _ expression: String, _ zone: String, _ after: String, _ times: [String]
  ) throws {
    #expect(try next(expression, zone, after: after) == times)
  }

  @Test func keysAreLocalAndUnique() throws {
    let berlin = try ZoneFolder.system.zone("Europe/Berlin")
    for (expression, count) in [("30 2 * * *", 366), ("*/30 * * * *", 366 * 48)] {
      let cron = try CronExpression(expression)
      var place = try #require(Timestamp("2024-01-01T00:00:00Z")).milliseconds / 1000
      var keys: Set<String> = []
      for _ in 0..<count {
        let moment = try #require(cron.next(after: place, in: berlin))
        #expect(moment.instant > place)
        place = moment.instant
        keys.insert(moment.key)
      }
      #expect(keys.count == count, "\(expression)")
    }
    let cron = try CronExpression("30 2 * * *")
    let gap = try #require(Timestamp("2026-03-28T12:00:00Z")).milliseconds / 1000
    #expect(cron.next(after: gap, in: berlin)?.key == "2026-03-29T02:30")
  }

  @Test(arguments: [
    ("0 3 * * *", "2026-01-01T00:00:00Z", "2026-03-05T02:00:00Z", "2026-03-04T03:00"),
    ("0 3 * * *", "2026-03-04T03:00:00Z", "2026-03-05T02:00:00Z", nil),
    ("* * * * *", "2020-01-01T00:00:00Z", "2026-03-05T02:00:30Z", "2026-03-05T02:00"),
    ("0 0 29 2 *", "2010-01-01T00:00:00Z", "2026-03-05T02:00:00Z", "2024-02-29T00:00"),
    ("0 0 1 1 *", "2026-01-01T00:00:00Z", "2026-03-05T02:00:00Z", nil),
    ("0 0 1 1 *", "2025-12-31T23:59:00Z", "2026-03-05T02:00:00Z", "2026-01-01T00:00"),
  ])
  func ofMissedTimesTheLastIsFound(
    _ expression: String, _ anchor: String, _ now: String, _ expected: String?
  ) throws {
    let moment = try CronExpression(expression).last(
      after: try #require(Timestamp(anchor)).milliseconds / 1000,
      upTo: try #require(Timestamp(now)).milliseconds / 1000, in: .utc)
    #expect(
      moment.map { String(Timestamp(milliseconds: $0.instant * 1000).description.prefix(16)) }
        == expected)
  }

  @Test(arguments: [
    "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *",
    "* * * 13 *", "* * * FOO *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*/x * * * *",
    "1,,2 * * * *", "5/15 * * * *", "-1 * * * *", "1- * * * *", "@often", "0 0 30 2 *",
    "0 0 31 4,6 *", "99999999999999999999 * * * *", "* * * * MON-", "** * * * *",
  ])
  func whatIsNoExpressionIsRefused(_ text: String) {
    #expect(throws: CronError.self) { try CronExpression(text) }
  }
}

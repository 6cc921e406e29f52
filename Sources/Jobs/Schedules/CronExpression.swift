import RoostCore

/// When something is to be done, as cron writes it: minute, hour, day of the month, month, day of
/// the week; or one of the `@daily` kind.
///
/// Where both days are restricted, either is enough, as in Vixie's cron.
package struct CronExpression: Sendable, Equatable, CustomStringConvertible {
  /// A time at which a schedule is due.
  package struct Moment: Sendable, Equatable {
    /// Seconds since 1970.
    package let instant: Int64
    /// The local date and time that it stands for, such as `2026-03-29T02:30`: unique in a schedule.
    package let key: String
  }

  /// The expression as it was written.
  package let description: String
  private let minute: CronField
  private let hour: CronField
  private let day: CronField
  private let month: CronField
  private let weekday: CronField

  private static let names = [
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
  ]
  /// Days that are looked through: leap days are at most eight years apart, and fall on each weekday
  /// within forty.
  private static let daysAhead: Int64 = 41 * 366

  /// Reads an expression.
  ///
  /// Throws `CronError` for what is none, and for one that is never due.
  package init(_ text: String) throws(CronError) {
    let trimmed = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    description = trimmed
    var expanded = trimmed
    if trimmed.hasPrefix("@") {
      guard let known = CronExpression.names[trimmed.lowercased()] else {
        throw CronError(
          "\"\(trimmed.prefix(30))\" is not known; there are: "
            + CronExpression.names.keys.sorted().joined(separator: ", "))
      }
      expanded = known
    }
    let fields = expanded.split(separator: " ")
    guard fields.count == 5 else {
      throw CronError(
        "\"\(trimmed.prefix(60))\" has \(fields.count) fields and not five: minute, hour, day of the "
          + "month, month, day of the week")
    }
    minute = try CronField(fields[0], .minute)
    hour = try CronField(fields[1], .hour)
    day = try CronField(fields[2], .day)
    month = try CronField(fields[3], .month)
    weekday = try CronField(fields[4], .weekday)
    // From a year whose calendar has all that any year has, within the bound.
    guard nextDay(from: 0) != nil else {
      throw CronError("\"\(trimmed.prefix(60))\" is never due: no month has that day")
    }
  }

  /// The first time after an instant; nil where none comes.
  ///
  /// A time that is shown twice is due at its first; one that the clocks skip when they skip it. An
  /// expression for every hour does not speak of times of a day: it goes by what has passed, so it is
  /// due in both hours that look the same, and in none that is skipped.
  package func next(after instant: Int64, in zone: Zone) -> Moment? {
    if hour.bits == (1 << 24) - 1 { return nextPassing(after: instant, in: zone) }
    var wall = zone.wall(at: instant)
    while let next = nextWall(after: wall) {
      let due = zone.instant(ofWall: next)
      if due > instant { return Moment(instant: due, key: CronExpression.text(next)) }
      wall = next
    }
    return nil
  }

  /// The last time that is not after `now`, and is after `anchor`.
  package func last(after anchor: Int64, upTo now: Int64, in zone: Zone) -> Moment? {
    // The longer ago, the rarer the times are: each window is searched only where the one before it
    // held none.
    for window: Int64 in [7200, 3 * 86_400, 70 * 86_400, 1500 * 86_400, .max] {
      let start = window > now - anchor ? anchor : now - window
      var found: Moment?
      var place = start
      while let next = next(after: place, in: zone), next.instant <= now {
        found = next
        place = next.instant
      }
      if found != nil || start == anchor { return found }
    }
    return nil
  }

  // MARK: Searching

  /// The first matching wall time after another one.
  private func nextWall(after wall: Int64) -> Int64? {
    let start = wall - modulo(wall, 60) + 60
    var first = Calendar.day(of: start)
    var secondOfDay = start - first * 86_400
    while let day = nextDay(from: first) {
      if day > first { secondOfDay = 0 }
      var hourOfDay = hour.next(from: secondOfDay / 3600)
      while let at = hourOfDay {
        let from = at == secondOfDay / 3600 ? secondOfDay % 3600 / 60 : 0
        if let minute = minute.next(from: from) { return day * 86_400 + at * 3600 + minute * 60 }
        hourOfDay = hour.next(from: at + 1)
      }
      first = day + 1
      secondOfDay = 0
    }
    return nil
  }

  /// The first matching day from a day on.
  private func nextDay(from start: Int64) -> Int64? {
    var number = start
    let end = start + CronExpression.daysAhead
    while number <= end {
      let civil = CalendarDate(daysSince1970: number).civil
      if !month.contains(civil.month) {
        let isLast = civil.month == 12
        number =
          CalendarDate(
            year: isLast ? civil.year + 1 : civil.year, month: isLast ? 1 : civil.month + 1, day: 1
          ).daysSince1970
        continue
      }
      let isDay = day.contains(civil.day)
      let isWeekday = weekday.contains(Calendar.weekday(number))
      if day.isStar || weekday.isStar ? isDay && isWeekday : isDay || isWeekday { return number }
      number += 1
    }
    return nil
  }

  /// `next` for an expression of every hour, by steps of minutes that pass.
  private func nextPassing(after instant: Int64, in zone: Zone) -> Moment? {
    var place = instant
    while true {
      place += 60 - modulo(zone.wall(at: place), 60)
      let offset = zone.offset(at: place)
      let wall = place + offset
      let today = Calendar.day(of: wall)
      guard let day = nextDay(from: today) else { return nil }
      if day > today {
        // Up to a little before that day begins, as clocks may be moved until then.
        place += max(0, day * 86_400 - wall - 3 * 3600)
        continue
      }
      guard minute.contains(modulo(wall, 3600) / 60) else { continue }
      let sign = offset < 0 ? "-" : "+"
      let ahead = CronExpression.time(abs(offset) / 60)
      return Moment(instant: place, key: CronExpression.text(wall) + sign + ahead)
    }
  }

  /// A wall time as text, to the minute.
  private static func text(_ wall: Int64) -> String {
    let day = Calendar.day(of: wall)
    return "\(CalendarDate(daysSince1970: day))T" + time((wall - day * 86_400) / 60)
  }

  /// Minutes as `hh:mm`.
  private static func time(_ minutes: Int64) -> String {
    func pair(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return pair(minutes / 60) + ":" + pair(minutes % 60)
  }
}

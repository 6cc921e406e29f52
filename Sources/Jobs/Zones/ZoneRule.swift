import RoostCore

/// The rule by which a zone goes on after its last recorded change: the footer of a TZif file.
///
/// It is written as POSIX writes `TZ`, with the extensions of RFC 9636, section 3.3.2: such as
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Sendable, Equatable {
  /// A day of each year and a time on it.
  struct Change: Sendable, Equatable {
    enum Day: Sendable, Equatable {
      /// `Jn`: from 1, 29 February never counts.
      case ofCommonYear(Int64)
      /// `n`: from 0, 29 February counts.
      case ofYear(Int64)
      /// `Mm.w.d`: the weekday `day` (0 is Sunday) in the week of the month, 5 being the last.
      case ofMonth(month: Int64, week: Int64, day: Int64)
    }

    let day: Day
    /// Seconds from midnight on the wall, from -167 to 167 hours.
    let seconds: Int64

    /// The wall time of the change in a year.
    func wall(in year: Int64) -> Int64 {
      let newYear = CalendarDate(year: year, month: 1, day: 1).daysSince1970
      let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
      let number: Int64
      switch day {
      case .ofCommonYear(let count): number = newYear + count - 1 + (isLeap && count >= 60 ? 1 : 0)
      case .ofYear(let count): number = newYear + count
      case .ofMonth(let month, let week, let weekday):
        let firstDay = CalendarDate(year: year, month: month, day: 1).daysSince1970
        let next = CalendarDate(
          year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1
        ).daysSince1970
        var found = firstDay + modulo(weekday - Calendar.weekday(firstDay), 7) + (week - 1) * 7
        while found >= next { found -= 7 }
        number = found
      }
      return number * 86_400 + seconds
    }
  }

  /// Seconds east of UTC in standard time.
  let standard: Int64
  /// The other time and when it begins and ends; nil where clocks are not moved.
  let daylight: Daylight?

  struct Daylight: Sendable, Equatable {
    let offset: Int64
    let start: Change
    let end: Change
  }

  /// Seconds east of UTC at an instant.
  func offset(at instant: Int64) -> Int64 {
    guard let daylight else { return standard }
    let year = CalendarDate(daysSince1970: Calendar.day(of: instant + standard)).civil.year
    // Where an end and a beginning fall together, the clocks stay as they are.
    let changes = (year - 1...year + 1).flatMap { year -> [(at: Int64, offset: Int64, rank: Int)] in
      [
        (daylight.end.wall(in: year) - daylight.offset, standard, 0),
        (daylight.start.wall(in: year) - standard, daylight.offset, 1),
      ]
    }.sorted { ($0.at, $0.rank) < ($1.at, $1.rank) }
    return changes.last { $0.at <= instant }?.offset ?? standard
  }

  /// The instants at which clocks may be moved in the years of two instants, in order.
  func changes(around start: Int64, and end: Int64) -> [Int64] {
    guard let daylight else { return [] }
    let from = CalendarDate(daysSince1970: Calendar.day(of: start)).civil.year - 1
    let to = CalendarDate(daysSince1970: Calendar.day(of: end)).civil.year + 1
    guard from <= to else { return [] }
    let instants = (from...to).flatMap { year in
      [daylight.start.wall(in: year) - standard, daylight.end.wall(in: year) - daylight.offset]
    }
    return Set(instants).sorted()
  }

  // MARK: Reading

  /// Reads the text of a footer; nil for what is none.
  init?(_ text: String) {
    var scanner = Scanner(Array(text.utf8))
    guard scanner.name(), let west = scanner.time(limit: 24) else { return nil }
    standard = -west
    guard !scanner.isAtEnd else {
      daylight = nil
      return
    }
    guard scanner.name() else { return nil }
    var offset = standard + 3600
    if !scanner.take(UInt8(ascii: ",")) {
      guard let west = scanner.time(limit: 24), scanner.take(UInt8(ascii: ",")) else { return nil }
      offset = -west
    }
    guard let start = scanner.change(), scanner.take(UInt8(ascii: ",")),
      let end = scanner.change(), scanner.isAtEnd
    else { return nil }
    daylight = Daylight(offset: offset, start: start, end: end)
  }

  private struct Scanner {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }
    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
      guard next == byte else { return false }
      place += 1
      return true
    }

    /// An abbreviation: letters, or anything in angle brackets.
    mutating func name() -> Bool {
      let start = place
      if take(UInt8(ascii: "<")) {
        while let byte = next, byte != UInt8(ascii: ">") { place += 1 }
        return take(UInt8(ascii: ">"))
      }
      while let byte = next, (65...90).contains(byte) || (97...122).contains(byte) { place += 1 }
      return place - start >= 3
    }

    mutating func number(_ range: ClosedRange<Int64>) -> Int64? {
      var value: Int64 = 0
      let start = place
      while let byte = next, (48...57).contains(byte), place - start < 4 {
        value = value * 10 + Int64(byte - 48)
        place += 1
      }
      return place > start && range.contains(value) ? value : nil
    }

    /// `hh[:mm[:ss]]` with a sign, in seconds.
    mutating func time(limit: Int64) -> Int64? {
      let isNegative = take(UInt8(ascii: "-"))
      if !isNegative { _ = take(UInt8(ascii: "+")) }
      guard let hours = number(0...limit) else { return nil }
      var seconds = hours * 3600
      if take(UInt8(ascii: ":")) {
        guard let minutes = number(0...59) else { return nil }
        seconds += minutes * 60
        if take(UInt8(ascii: ":")) {
          guard let rest = number(0...59) else { return nil }
          seconds += rest
        }
      }
      return isNegative ? -seconds : seconds
    }

    mutating func change() -> Change? {
      let day: Change.Day
      if take(UInt8(ascii: "M")) {
        guard let month = number(1...12), take(UInt8(ascii: ".")), let week = number(1...5),
          take(UInt8(ascii: ".")), let weekday = number(0...6)
        else { return nil }
        day = .ofMonth(month: month, week: week, day: weekday)
      } else if take(UInt8(ascii: "J")) {
        guard let count = number(1...365) else { return nil }
        day = .ofCommonYear(count)
      } else {
        guard let count = number(0...365) else { return nil }
        day = .ofYear(count)
      }
      guard take(UInt8(ascii: "/")) else { return Change(day: day, seconds: 7200) }
      guard let seconds = time(limit: 167) else { return nil }
      return Change(day: day, seconds: seconds)
    }
  }
}

/// Days and weekdays of wall times.
enum Calendar {
  /// The day of a wall time, since 1970.
  static func day(of wall: Int64) -> Int64 { (wall - modulo(wall, 86_400)) / 86_400 }

  /// The weekday of a day since 1970; 0 is Sunday.
  static func weekday(_ day: Int64) -> Int64 { modulo(day + 4, 7) }
}

/// The remainder that is never negative.
func modulo(_ value: Int64, _ by: Int64) -> Int64 {
  let remainder = value % by
  return remainder < 0 ? remainder + by : remainder
}

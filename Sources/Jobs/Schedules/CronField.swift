/// One of the five fields of a cron expression: a set of numbers.
struct CronField: Sendable, Equatable {
  /// What a field may hold.
  struct Kind: Sendable {
    let name: String
    let range: ClosedRange<Int>
    /// Names that stand for numbers, the first one for `firstNamed`.
    var names: [String] = []
    var firstNamed = 0

    static let minute = Kind(name: "minute", range: 0...59)
    static let hour = Kind(name: "hour", range: 0...23)
    static let day = Kind(name: "day of the month", range: 1...31)
    static let month = Kind(
      name: "month", range: 1...12,
      names: [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
      ], firstNamed: 1)
    /// Sunday is 0 and 7.
    static let weekday = Kind(
      name: "day of the week", range: 0...7,
      names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])
  }

  /// A bit for each number.
  private(set) var bits: UInt64 = 0
  /// The field begins with `*`: it says nothing about which days where the other one does.
  let isStar: Bool

  /// Reads a list of `*`, numbers, names and ranges, each with a step.
  init(_ text: Substring, _ kind: Kind) throws(CronError) {
    isStar = text.hasPrefix("*")
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      bits |= try CronField.bits(part, kind)
    }
  }

  func contains(_ number: Int64) -> Bool {
    number >= 0 && number < 64 && bits & 1 << UInt64(number) != 0
  }

  /// The least number of the set that is not below `number`.
  func next(from number: Int64) -> Int64? {
    guard number < 64 else { return nil }
    let place = UInt64(max(0, number))
    let rest = (bits >> place) << place
    return rest == 0 ? nil : Int64(rest.trailingZeroBitCount)
  }

  private static func bits(_ part: Substring, _ kind: Kind) throws(CronError) -> UInt64 {
    func fault(_ reason: String) -> CronError {
      CronError(
        "\"\(part.prefix(30))\" is no \(kind.name): \(reason) "
          + "(\(kind.range.lowerBound) to \(kind.range.upperBound))")
    }
    let halves = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let base = halves.first, !base.isEmpty else { throw fault("a number is expected") }
    var step = 1
    if halves.count == 2 {
      guard let given = number(halves[1]), given > 0, given <= kind.range.upperBound else {
        throw fault("a step is a number from 1, such as */5")
      }
      step = given
    }
    var low = kind.range.lowerBound
    var high = kind.range.upperBound
    if base != "*" {
      let ends = base.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = value(ends[0], kind) else { throw fault("a number is expected") }
      low = first
      high = first
      if ends.count == 2 {
        guard let last = value(ends[1], kind) else { throw fault("a range is written 1-5") }
        high = last
        // Sunday ends a week as well as it begins one.
        if kind.range.upperBound == 7, high == 0, low > 0 { high = 7 }
        guard low <= high else { throw fault("a range goes upwards; write two of them in a list") }
      } else if halves.count == 2 {
        throw fault("a step belongs to a range, such as \(base)-\(kind.range.upperBound)/\(step)")
      }
    } else if kind.range.upperBound == 7 {
      high = 6
    }
    var bits: UInt64 = 0
    for number in stride(from: low, through: high, by: step) {
      bits |= 1 << UInt64(kind.range.upperBound == 7 && number == 7 ? 0 : number)
    }
    return bits
  }

  private static func value(_ text: Substring, _ kind: Kind) -> Int? {
    if let place = kind.names.firstIndex(of: text.uppercased()) { return kind.firstNamed + place }
    return number(text).flatMap { kind.range.contains($0) ? $0 : nil }
  }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 2, text.utf8.allSatisfy({ (48...57).contains($0) })
    else { return nil }
    return Int(text)
  }
}

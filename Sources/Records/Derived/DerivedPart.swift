import Cryptography
import RoostCore
import Rules
import Schema

/// What one row of a source adds, and where.
struct DerivedPart: Equatable {
  /// The row that has the values: the one referred to, or that of a view.
  let key: UUID
  /// By slot; nil where the row has no value.
  let values: [Int64?]

  /// As it is stored.
  var held: String { values.map { $0.map { "\($0)" } ?? "" }.joined(separator: ",") }

  init(key: UUID, values: [Int64?]) {
    self.key = key
    self.values = values
  }

  init(key: UUID, held: String, slots: Int) {
    self.key = key
    values =
      slots == 0
      ? [] : held.split(separator: ",", omittingEmptySubsequences: false).map { Int64($0) }
  }

  static func == (left: DerivedPart, right: DerivedPart) -> Bool {
    left.key == right.key && left.values == right.values
  }
}

extension DerivedSource {
  /// The part of a live row, and what its group is called; nil where the row does not count.
  func part(of row: RowImage) -> (part: DerivedPart, label: String?)? {
    if let condition {
      let evaluation = Evaluation(CallerFacts(.everyone, nil), row, NoRelatedRows())
      guard evaluation.truth(condition) == true else { return nil }
    }
    let values = slots.map { DerivedNumber.of(row.value($0.column)) }
    switch grouping {
    case .reference(let field):
      guard case .uuid(let key) = row.values[field] else { return nil }
      return (DerivedPart(key: key, values: values), nil)
    case .values(let groups):
      guard let label = label(of: row, groups) else { return nil }
      return (DerivedPart(key: key(of: label), values: values), label)
    }
  }

  // MARK: Groups

  /// The values of the groups as a JSON array; nil where one of them is null.
  private func label(of row: RowImage, _ groups: [Group]) -> String? {
    var json = JSONWriter(capacity: 64)
    json.beginArray()
    for group in groups {
      let value = group.value(of: row)
      switch value {
      case .bool(let value): json.bool(value)
      case .int(let value): json.int(value)
      case .text(let value): json.string(value)
      case .uuid(let value): json.string(value.description)
      case .null, .double, .json: return nil
      }
    }
    json.endArray()
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// The id of a row of a view, from what its groups are called: the same wherever and whenever it is
  /// made.
  private func key(of label: String) -> UUID {
    NameUUID.make(Array("\(target.model.typeName) \(label)".utf8))
  }

  /// The values of the fields that make the groups, from what the group is called.
  func groupValues(_ label: String) -> [(field: Int, value: FieldValue)] {
    guard case .values(let groups) = grouping, let parts = (try? JSON.parse(text: label))?.array
    else { return [] }
    return zip(groups, parts).map { group, json in
      (group.field, DerivedNumber.value(of: json, target.storage[group.field]))
    }
  }
}

extension DerivedSource.Group {
  /// The value of the group that `row` belongs to.
  func value(of row: RowImage) -> FieldValue {
    let value = row.value(column)
    guard let part else { return value }
    let day: CalendarDate
    switch value {
    case .text(let text):
      guard let date = CalendarDate(text) else { return .null }
      day = date
    case .int(let milliseconds):
      let (days, rest) = milliseconds.quotientAndRemainder(dividingBy: 86_400_000)
      day = CalendarDate(daysSince1970: rest < 0 ? days - 1 : days)
    default: return .null
    }
    return .text(part.first(of: day).description)
  }
}

extension Schema.Grouping.Part {
  /// The first day of the stretch that `day` lies in.
  func first(of day: CalendarDate) -> CalendarDate {
    let civil = day.civil
    switch self {
    case .day: return day
    case .week:
      // 1970 began on a Thursday.
      let sinceMonday = ((day.daysSince1970 + 3) % 7 + 7) % 7
      return CalendarDate(daysSince1970: day.daysSince1970 - sinceMonday)
    case .month: return CalendarDate(year: civil.year, month: civil.month, day: 1)
    case .year: return CalendarDate(year: civil.year, month: 1, day: 1)
    }
  }
}

/// Values as whole numbers with the same order.
enum DerivedNumber {
  static func of(_ value: FieldValue) -> Int64? {
    switch value {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    case .double(let value): ordered(value)
    case .text(let text): CalendarDate(text)?.daysSince1970
    case .null, .uuid, .json: nil
    }
  }

  /// The value that `number` stands for in a field of that type.
  static func value(_ number: Int64, as type: FieldType) -> FieldValue {
    switch type {
    case .float: .double(double(number))
    case .date: .text(CalendarDate(daysSince1970: number).description)
    default: .int(number)
    }
  }

  /// The bits of a double, turned so that they sort as the numbers do; both zeros are one.
  private static func ordered(_ value: Double) -> Int64 {
    let bits = Int64(bitPattern: (value == 0 ? 0 : value).bitPattern)
    return bits >= 0 ? bits : bits ^ Int64.max
  }

  private static func double(_ number: Int64) -> Double {
    Double(bitPattern: UInt64(bitPattern: number >= 0 ? number : number ^ Int64.max))
  }

  /// A value of a group from its JSON.
  static func value(of json: JSON, _ kind: StoredKind) -> FieldValue {
    switch kind {
    case .bool: json.bool.map { .bool($0) } ?? .null
    case .uuid: json.string.flatMap { UUID($0) }.map { .uuid($0) } ?? .null
    case .text: json.string.map { .text($0) } ?? .null
    default: json.int.map { .int($0) } ?? .null
    }
  }
}

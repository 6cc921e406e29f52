package import RoostCore

/// `@derived`: a value that followers keep from the rows of another collection.
package struct Derivation: Sendable {
  /// What is made of the rows.
  package enum Measure: Sendable, Hashable {
    case count
    case sum(String)
    case min(String)
    case max(String)
    /// The field of the row whose `order` is the greatest; of two the one with the greater id.
    case latest(String, order: String)
  }

  /// The type whose rows count.
  package let typeName: String
  /// The field there that refers to the row with the value; nil in a view, whose groups say it.
  package let reference: String?
  package let measure: Measure
  /// Rows of which this is TRUE count; nil for all.
  package let condition: String?
  package let location: SourceLocation
  /// Where the condition begins.
  package let place: SourceLocation
  /// How old the value may be in an answer; nil for any age.
  package let maxAge: CalendarDuration?

  package init(
    typeName: String, reference: String?, measure: Measure, condition: String? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1), place: SourceLocation? = nil,
    maxAge: CalendarDuration? = nil
  ) {
    self.typeName = typeName
    self.reference = reference
    self.measure = measure
    self.condition = condition
    self.location = location
    self.place = place ?? location
    self.maxAge = maxAge
  }

  /// The derivation as one text, equal where the same value comes of the same rows.
  package var text: String {
    let from = reference.map { "\(typeName).\($0)" } ?? typeName
    return "\(measure.text) of \(from)" + (condition.map { " where \($0)" } ?? "")
  }
}

extension Derivation.Measure {
  /// The value of nothing at all is 0, and not null.
  package var isZeroOfNothing: Bool {
    switch self {
    case .count, .sum: true
    case .min, .max, .latest: false
    }
  }

  /// The fields of the rows that it reads.
  package var fields: [String] {
    switch self {
    case .count: []
    case .sum(let field), .min(let field), .max(let field): [field]
    case .latest(let field, let order): [field, order]
    }
  }

  package var text: String {
    switch self {
    case .count: "count"
    case .sum(let field): "sum \(field)"
    case .min(let field): "min \(field)"
    case .max(let field): "max \(field)"
    case .latest(let field, let order): "latest \(field) by \(order)"
    }
  }
}

/// `@group`: a field of a view that tells its rows apart.
package struct Grouping: Sendable, Hashable {
  /// A stretch of the calendar, in UTC, named by its first day.
  package enum Part: String, Sendable, CaseIterable {
    case day = "DAY"
    /// Monday to Sunday.
    case week = "WEEK"
    case month = "MONTH"
    case year = "YEAR"
  }

  /// The field of the source.
  package let field: String
  package let part: Part?

  package init(field: String, part: Part? = nil) {
    self.field = field
    self.part = part
  }

  package var text: String { field + (part.map { " \($0.rawValue)" } ?? "") }
}

/// `@view`: a collection whose rows are groups of the rows of another one.
package struct ViewDeclaration: Sendable {
  package let typeName: String
  /// Rows of which this is TRUE count; nil for all.
  package let condition: String?
  package let location: SourceLocation
  /// Where the condition begins.
  package let place: SourceLocation
  /// How old the rows may be in an answer; nil for any age.
  package let maxAge: CalendarDuration?

  package init(
    typeName: String, condition: String? = nil,
    location: SourceLocation = SourceLocation(line: 1, column: 1), place: SourceLocation? = nil,
    maxAge: CalendarDuration? = nil
  ) {
    self.typeName = typeName
    self.condition = condition
    self.location = location
    self.place = place ?? location
    self.maxAge = maxAge
  }

  /// The declaration as one text, equal where it takes the same rows.
  package var text: String { typeName + (condition.map { " where \($0)" } ?? "") }
}

extension Collection {
  /// Whether the server keeps values of its rows, or all of them.
  package var isDerived: Bool { view != nil || fields.contains { $0.derivation != nil } }

  /// How old derived values may be in an answer: the least that is declared; nil for any age.
  package var maxAge: CalendarDuration? {
    let ages = [view?.maxAge] + fields.map { $0.derivation?.maxAge }
    return ages.compactMap { $0 }.min { $0.milliseconds < $1.milliseconds }
  }
}

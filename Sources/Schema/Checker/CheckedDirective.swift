import RoostCore

/// A use of a directive whose arguments were checked against its definition.
///
/// Arguments with faults, and those given as null, are left out; defaults fill in.
struct CheckedDirective {
  let name: String
  let location: SourceLocation
  /// Whether an argument was left out because of a fault, which is reported already.
  let isPartial: Bool
  private let given: [String: Literal]
  private let definition: DirectiveSyntax

  init(
    name: String, location: SourceLocation, isPartial: Bool, given: [String: Literal],
    definition: DirectiveSyntax
  ) {
    self.name = name
    self.location = location
    self.isPartial = isPartial
    self.given = given
    self.definition = definition
  }

  /// Whether the file itself gives the argument.
  func gives(_ argument: String) -> Bool { given[argument] != nil }

  /// The arguments that have a word as their default.
  var defaults: [(name: String, value: String)] {
    definition.arguments.compactMap { argument in
      guard case .enumeration(let value) = argument.defaultValue?.value else { return nil }
      return (argument.name.text, value)
    }
  }

  /// Where the argument's value stands, or the directive when it is not given.
  func location(of argument: String) -> SourceLocation { given[argument]?.location ?? location }

  /// Where the values of those arguments stand that are given.
  func places(of arguments: [String]) -> [String: SourceLocation] {
    var places: [String: SourceLocation] = [:]
    for argument in arguments { places[argument] = given[argument]?.location }
    return places
  }

  private func literal(_ argument: String) -> Literal? {
    given[argument] ?? definition.arguments.first { $0.name.text == argument }?.defaultValue
  }

  func string(_ argument: String) -> String? {
    switch literal(argument)?.value {
    case .string(let text), .enumeration(let text): text
    default: nil
    }
  }

  func integer(_ argument: String) -> Int? {
    if case .int(let text) = literal(argument)?.value { Int(text) } else { nil }
  }

  func double(_ argument: String) -> Double? {
    switch literal(argument)?.value {
    case .int(let text), .float(let text): Double(text)
    default: nil
    }
  }

  func boolean(_ argument: String) -> Bool? {
    if case .boolean(let value) = literal(argument)?.value { value } else { nil }
  }

  func duration(_ argument: String) -> CalendarDuration? {
    string(argument).flatMap { CalendarDuration($0, allowingYears: true) }
  }

  /// The strings or enum values of a list, each with its place; one value alone is a list of one.
  func names(_ argument: String) -> [Name]? {
    guard let literal = literal(argument) else { return nil }
    var elements = [literal]
    if case .list(let values) = literal.value { elements = values }
    return elements.compactMap { element in
      switch element.value {
      case .string(let text), .enumeration(let text): Name(text: text, location: element.location)
      default: nil
      }
    }
  }

  func strings(_ argument: String) -> [String]? { names(argument)?.map(\.text) }
}

extension [CheckedDirective] {
  /// The first use of `name`.
  func first(_ name: String) -> CheckedDirective? { first { $0.name == name } }

  /// Every use of `name`.
  func all(_ name: String) -> [CheckedDirective] { filter { $0.name == name } }
}

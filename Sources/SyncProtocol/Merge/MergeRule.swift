package import RoostCore
package import Schema

/// How edits of one field are merged: a strategy of the schema language and what it needs to know.
package struct MergeRule: Sendable, Equatable {
  package typealias Strategy = MergeStrategy

  /// What a number may be.
  package enum Numbers: String, Sendable {
    case int32
    case int64
    case double
  }

  package var strategy: Strategy
  /// For increments.
  package var numbers: Numbers
  /// For MAX and MIN.
  package var order: ValueOrder
  /// COUNTER: a sum below it is rejected.
  package var least: Double?
  /// COUNTER: a sum above it is rejected.
  package var most: Double?
  /// CLIENT_WINS: how old an edit may be when it arrives and still win over another one.
  package var staleAfterMilliseconds: Int64?
  /// For lists.
  package var elements: Elements

  /// How the elements of a list are told apart.
  package enum Elements: Sendable, Equatable {
    /// By their whole value.
    case values
    /// Objects by a member, whose value is a text or a whole number; the other members are merged.
    case objects(ObjectElements)
  }

  package init(
    _ strategy: Strategy, numbers: Numbers = .int64, order: ValueOrder = .natural,
    least: Double? = nil, most: Double? = nil, staleAfterMilliseconds: Int64? = nil,
    elements: Elements = .values
  ) {
    self.strategy = strategy
    self.numbers = numbers
    self.order = order
    self.least = least
    self.most = most
    self.staleAfterMilliseconds = staleAfterMilliseconds
    self.elements = elements
  }
}

/// Elements of a list that are told apart by an identifier.
package struct ObjectElements: Sendable, Equatable {
  /// The member that identifies an element.
  package var idMember: String
  /// Members that only rise (MAX) or only fall (MIN); of the others the last write wins.
  package var ordered: [String: OrderedMember]

  package init(idMember: String = "id", ordered: [String: OrderedMember] = [:]) {
    self.idMember = idMember
    self.ordered = ordered
  }
}

/// A member of an element that only goes one way, such as a status by its declared order.
package struct OrderedMember: Sendable, Equatable {
  package var order: ValueOrder
  package var isRising: Bool

  package init(_ order: ValueOrder, isRising: Bool = true) {
    self.order = order
    self.isRising = isRising
  }
}

/// Which of two values is the greater one.
package enum ValueOrder: Sendable, Equatable {
  /// Numbers by their value, texts by their UTF-8 bytes, false before true. Texts are what decides
  /// in the two orders below, too, between values that are worth the same.
  case natural
  /// Enum values by the order in which they are declared; unknown ones are the least.
  case declared([String])
  /// ISO 8601 durations by their length.
  case duration

  /// Less than 0 where `left` is the smaller one, 0 where they are equal, nil where they cannot be
  /// compared.
  package func compare(_ left: JSON, _ right: JSON) -> Int? {
    switch (left, right) {
    case (.int(let left), .int(let right)): return ValueOrder.sign(left, right)
    case (.int(let left), .double(let right)): return ValueOrder.sign(left, right)
    case (.double(let left), .int(let right)): return -ValueOrder.sign(right, left)
    case (.double(let left), .double(let right)): return ValueOrder.sign(left, right)
    case (.bool(let left), .bool(let right)):
      return left == right ? 0 : (right ? -1 : 1)
    case (.string(let left), .string(let right)): return compare(left, right)
    default: return nil
    }
  }

  /// The same for values of any kind: where they cannot be compared, booleans come first, then
  /// numbers, texts, arrays and objects, of one kind by their canonical bytes.
  package func total(_ left: JSON, _ right: JSON) -> Int {
    if SameValue.test(left, right) { return 0 }
    if let sign = compare(left, right) { return sign }
    let kinds = ValueOrder.sign(ValueOrder.kind(left), ValueOrder.kind(right))
    if kinds != 0 { return kinds }
    let (left, right) = (CanonicalBytes.of(left), CanonicalBytes.of(right))
    return left == right ? 0 : (left.lexicographicallyPrecedes(right) ? -1 : 1)
  }

  private func compare(_ left: String, _ right: String) -> Int {
    let sign =
      switch self {
      case .natural: 0
      case .declared(let values):
        ValueOrder.sign(
          Int64(values.firstIndex(of: left) ?? -1), Int64(values.firstIndex(of: right) ?? -1))
      case .duration:
        ValueOrder.sign(
          CalendarDuration(left)?.milliseconds ?? .min,
          CalendarDuration(right)?.milliseconds ?? .min)
      }
    // Of values that are worth the same, one has to stand whichever comes first.
    return sign != 0 ? sign : ValueOrder.bytes(left, right)
  }

  private static func bytes(_ left: String, _ right: String) -> Int {
    if left.utf8.elementsEqual(right.utf8) { return 0 }
    return left.utf8.lexicographicallyPrecedes(right.utf8) ? -1 : 1
  }

  private static func kind(_ value: JSON) -> Int64 {
    switch value {
    case .null: 0
    case .bool: 1
    case .int, .double: 2
    case .string: 3
    case .array: 4
    case .object: 5
    }
  }

  private static func sign(_ left: Int64, _ right: Int64) -> Int {
    left == right ? 0 : (left < right ? -1 : 1)
  }

  /// By their values, and not by what is left of the whole number as a double.
  private static func sign(_ left: Int64, _ right: Double) -> Int {
    if right >= 0x1p63 { return -1 }
    if right < -0x1p63 { return 1 }
    let whole = right.rounded(.towardZero)
    let sign = sign(left, Int64(whole))
    return sign != 0 ? sign : ValueOrder.sign(whole, right)
  }

  private static func sign(_ left: Double, _ right: Double) -> Int {
    left == right ? 0 : (left < right ? -1 : 1)
  }
}

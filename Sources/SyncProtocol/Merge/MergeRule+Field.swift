package import RoostCore
package import Schema

extension MergeRule {
  /// The rule of a field under the strategy that applies to it.
  ///
  /// Bounds of a counter are its constraint's, which every value is held to.
  package init(_ field: Field, _ strategy: MergeStrategy, _ options: MergeOptions) {
    var numbers = Numbers.int64
    var order = ValueOrder.natural
    switch field.type {
    case .int: numbers = .int32
    case .float: numbers = .double
    case .enumeration(_, let values): order = .declared(values)
    default: break
    }
    self.init(
      strategy, numbers: numbers, order: order,
      staleAfterMilliseconds: options.staleAfter?.milliseconds,
      elements: options.elements.map { .objects(ObjectElements($0)) } ?? .values)
  }

  /// Whether parts of the field have clocks of their own.
  package var hasParts: Bool {
    switch strategy {
    case .mergeDeep, .setUnion, .append: true
    default: false
    }
  }

  /// Whether an edit is made on what its maker saw, and names that as its base.
  package var comparesBase: Bool {
    switch strategy {
    case .clientWins, .serverWins, .reject, .userChoice: true
    default: false
    }
  }

  /// The rule for what is in hand.
  ///
  /// A set of objects that have an `id`, all of them, tells them apart by it.
  package func suited(to operation: FieldOperation, on stored: JSON) -> MergeRule {
    guard strategy == .setUnion, elements == .values else { return self }
    var inHand: [JSON] = stored.array ?? []
    switch operation {
    case .set(.array(let list)): inHand += list
    case .edit(let add, let remove): inHand += add + remove.filter { $0.object != nil }
    default: break
    }
    guard !inHand.isEmpty, inHand.allSatisfy({ $0["id"]?.string != nil }) else { return self }
    var rule = self
    rule.elements = .objects(ObjectElements())
    return rule
  }
}

extension ObjectElements {
  /// What the schema says of the elements of a list.
  fileprivate init(_ options: ElementOptions) {
    var ordered: [String: OrderedMember] = [:]
    for member in options.ordered {
      ordered[member.member] = OrderedMember(
        member.values.map { .declared($0) } ?? .natural, isRising: member.isRising)
    }
    self.init(idMember: options.idMember, ordered: ordered)
  }
}

extension FieldValue {
  /// The value as merges see it, in the form in which it is compared and stored.
  package var merged: JSON {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .text(let value): .string(value)
    case .uuid(let value): .string(value.description)
    case .json(let value): value
    }
  }

  /// What a merge made, as a value of `field`.
  package init(merged value: JSON, _ field: Field) {
    let isWhole =
      switch field.type {
      case .json, .geoPoint, .file: true
      default: field.isList
      }
    switch value {
    case .null: self = .null
    case _ where isWhole: self = .json(value)
    case .bool(let value): self = .bool(value)
    case .int(let value): self = field.type == .float ? .double(Double(value)) : .int(value)
    case .double(let value): self = .double(value)
    case .string(let text):
      switch field.type {
      case .reference, .user: self = UUID(text).map { .uuid($0) } ?? .null
      default: self = .text(text)
      }
    case .array, .object: self = .json(value)
    }
  }
}

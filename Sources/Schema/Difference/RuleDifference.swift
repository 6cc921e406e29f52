/// What became of the rules of a collection, or of a field.
///
/// Rules are compared as they are written: conditions count as equal when they differ in white space
/// only, audiences, roles, operations and masks by what they take in. So a rule that was merely written
/// otherwise counts as narrowed and widened at once: rather a change too many than one that nobody
/// was told of.
package struct RuleDifference: Sendable {
  package let added: [AllowRule]
  package let removed: [AllowRule]
  package let addedDenials: [DenyRule]
  package let removedDenials: [DenyRule]
  /// Operations of which something that was allowed is refused now.
  package let narrowed: Set<Operation>
  /// Operations of which something that was refused is allowed now.
  package let widened: Set<Operation>

  package var widening: Widening {
    Widening(isNarrowed: !narrowed.isEmpty, isWidened: !widened.isEmpty)
  }

  /// The difference; nil where both lists say the same, whatever their order.
  init?(
    allows old: [AllowRule], _ new: [AllowRule], denies oldDenials: [DenyRule] = [],
    _ newDenials: [DenyRule] = []
  ) {
    added = new.filter { rule in !old.contains { $0.says(rule) } }
    removed = old.filter { rule in !new.contains { $0.says(rule) } }
    addedDenials = newDenials.filter { rule in !oldDenials.contains { $0.says(rule) } }
    removedDenials = oldDenials.filter { rule in !newDenials.contains { $0.says(rule) } }
    if added.isEmpty, removed.isEmpty, addedDenials.isEmpty, removedDenials.isEmpty { return nil }
    narrowed = RuleDifference.lost(old, new).union(RuleDifference.lost(newDenials, oldDenials))
    widened = RuleDifference.lost(new, old).union(RuleDifference.lost(oldDenials, newDenials))
  }

  /// The operations of rules in `some` that no single rule of `others` covers.
  private static func lost(_ some: [AllowRule], _ others: [AllowRule]) -> Set<Operation> {
    var lost: Set<Operation> = []
    for rule in some {
      for operation in rule.operations
      where !others.contains(where: { $0.operations.contains(operation) && $0.covers(rule) }) {
        lost.insert(operation)
      }
    }
    return lost
  }

  private static func lost(_ some: [DenyRule], _ others: [DenyRule]) -> Set<Operation> {
    var lost: Set<Operation> = []
    for rule in some {
      for operation in rule.operations
      where !others.contains(where: { $0.operations.contains(operation) && $0.covers(rule) }) {
        lost.insert(operation)
      }
    }
    return lost
  }
}

extension AllowRule {
  /// Whether two rules say the same, wherever they stand.
  func says(_ other: AllowRule) -> Bool {
    operations == other.operations && covers(other) && other.covers(self)
  }

  /// Whether whatever `other` allows by an operation, this rule allows by it too.
  func covers(_ other: AllowRule) -> Bool {
    audience.covers(other.audience)
      && (roles == nil || other.roles.map { Set($0).isSubset(of: roles ?? []) } ?? false)
      && covers(owner, other.owner) && covers(member, other.member)
      // A condition on a membership belongs to that membership.
      && (member == nil || covers(having, other.having))
      && covers(when, other.when) && covers(check, other.check)
      && (fields == nil || other.fields.map { Set($0).isSubset(of: fields ?? []) } ?? false)
      && Set(except ?? []).isSubset(of: other.except ?? [])
  }

  private func covers(_ mine: String?, _ other: String?) -> Bool {
    guard let mine else { return true }
    return other.map { ExpressionText.folded($0) == ExpressionText.folded(mine) } ?? false
  }
}

extension AllowRule.Audience {
  /// Anonymous accounts are accounts, and these are among everybody.
  fileprivate func covers(_ other: AllowRule.Audience) -> Bool {
    switch self {
    case .everyone: true
    case .user: other != .everyone
    case .anonymous: other == .anonymous
    }
  }
}

extension DenyRule {
  fileprivate func says(_ other: DenyRule) -> Bool {
    operations == other.operations && covers(other) && other.covers(self)
      && reason == other.reason
  }

  /// Whether whatever `other` refuses by an operation, this rule refuses by it too.
  fileprivate func covers(_ other: DenyRule) -> Bool {
    let sameTest =
      when == nil
      || other.when.map { ExpressionText.folded($0) } == when.map { ExpressionText.folded($0) }
    return sameTest && Set(exceptRoles).isSubset(of: other.exceptRoles)
  }
}

/// Expressions as texts.
enum ExpressionText {
  /// The text without the white space that means nothing: outside of quoted texts, and beside signs.
  static func folded(_ text: String) -> String {
    var bytes: [UInt8] = []
    var quotes = Quotes()
    var space = false
    for byte in text.utf8 {
      if quotes.take(byte) {
        space = false
        bytes.append(byte)
        continue
      }
      if byte <= 0x20 {
        space = true
        continue
      }
      // White space between two words keeps them apart.
      if space, let last = bytes.last, isWord(last), isWord(byte) { bytes.append(0x20) }
      space = false
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, UInt8(ascii: "_"), 0x80...: true
    default: false
    }
  }

  /// Which bytes of an expression belong to quoted texts, taken one after the other.
  struct Quotes {
    private var open: UInt8?
    private var isEscaped = false

    /// Whether the next byte belongs to a quoted text, its quotes included.
    mutating func take(_ byte: UInt8) -> Bool {
      guard let open else {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { self.open = byte }
        return self.open != nil
      }
      if isEscaped {
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == open {
        self.open = nil
      }
      return true
    }
  }
}

/// Cuts a text into folded tokens, one step at a time, in one pass.
///
/// Time is linear in the text, whatever it holds: a scalar becomes at most 18 others, and what goes
/// beyond a token's bytes is dropped as it comes.
struct TokenScanner {
  enum Step {
    /// `token` holds a word.
    case word
    /// `token` holds a letter, with the marks behind it, of a script without spaces.
    case unit
    /// The run of units has ended.
    case runEnd
    case end
  }

  private enum Mode {
    case none
    case word
    case run
  }

  /// UTF-8 of the word or unit that a step told of.
  private(set) var token: [UInt8] = []

  private let table = FoldingTable.shared
  private var scalars: String.UnicodeScalarView.Iterator
  /// What is left of a scalar that became several.
  private var rest = 0..<0
  /// The folded scalar that was looked at and not taken; its class beside it.
  private var pending: (scalar: UInt32, kind: FoldingTable.Kind)?
  private var mode = Mode.none
  /// What is being collected, and its last scalar, which may still join with the next.
  private var bytes: [UInt8] = []
  private var last: UInt32 = 0
  private var isFull = false
  /// The run ends with the step after this.
  private var endsRun = false

  init(_ text: String) {
    scalars = text.unicodeScalars.makeIterator()
    bytes.reserveCapacity(TextFolding.tokenBytes)
    token.reserveCapacity(TextFolding.tokenBytes)
  }

  mutating func next() -> Step {
    if endsRun {
      endsRun = false
      return .runEnd
    }
    while let (scalar, kind) = take() {
      switch (mode, kind) {
      case (_, .ignored): continue
      case (.none, .separator): continue
      case (.none, .run):
        mode = .run
        add(scalar)
      case (.none, _):
        mode = .word
        add(scalar)
      case (.word, .word), (.word, .mark), (.run, .mark):
        add(scalar)
      case (.word, _):
        pending = (scalar, kind)
        return finish(.word)
      case (.run, .run):
        // Half-width letters become marks that join; what does not join begins the next unit.
        finishBytes()
        add(scalar)
        return .unit
      case (.run, _):
        pending = (scalar, kind)
        endsRun = true
        return finish(.unit)
      }
    }
    switch mode {
    case .none: return .end
    case .word: return finish(.word)
    case .run:
      endsRun = true
      return finish(.unit)
    }
  }

  private mutating func finish(_ step: Step) -> Step {
    finishBytes()
    mode = .none
    return step
  }

  private mutating func finishBytes() {
    flush()
    swap(&token, &bytes)
    bytes.removeAll(keepingCapacity: true)
    isFull = false
  }

  /// Takes a scalar into what is being collected.
  @inline(__always) private mutating func add(_ scalar: UInt32) {
    if last >= 0x1100, let joined = table.composed(last, scalar) {
      last = joined
      return
    }
    flush()
    last = scalar
  }

  /// Writes the last scalar, as nothing joins with it any more.
  @inline(__always) private mutating func flush() {
    guard last != 0 else { return }
    defer { last = 0 }
    if isFull { return }
    let limit = mode == .run ? TextFolding.unitBytes : TextFolding.tokenBytes
    if last < 0x80, bytes.count < limit {
      bytes.append(UInt8(truncatingIfNeeded: last))
      return
    }
    guard let scalar = Unicode.Scalar(last), bytes.count + UTF8.width(scalar) <= limit else {
      isFull = true
      return
    }
    bytes += UTF8.encode(scalar).map { Array($0) } ?? []
  }

  /// The next folded scalar with its class.
  @inline(__always) private mutating func take() -> (UInt32, FoldingTable.Kind)? {
    if let pending {
      self.pending = nil
      return pending
    }
    if !rest.isEmpty {
      let scalar = table.sequences[rest.lowerBound]
      rest = (rest.lowerBound + 1)..<rest.upperBound
      return (scalar, table.kind(scalar))
    }
    guard let scalar = scalars.next()?.value else { return nil }
    switch table.fact(scalar) {
    case .kind(let kind): return (scalar, kind)
    case .scalar(let folded): return (folded, table.kind(folded))
    case .sequence(let range):
      rest = range
      return take()
    }
  }
}

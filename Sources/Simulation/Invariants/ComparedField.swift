import RoostCore
import SyncProtocol

/// A field that takes an edit where it was made on what stands, by what was accepted of it.
///
/// Beside the rules of `MergeRule`, in words of its own: what a world compares the server with must
/// not be computed by the server's code.
struct ComparedField {
  enum Strategy {
    case serverWins
    case userChoice
    /// With an age from which an edit is up to its person.
    case clientWins
    case reject
  }

  static let strategies: [String: Strategy] = [
    "stage": .serverWins, "poster": .userChoice, "plan": .clientWins, "price": .reject,
  ]

  private(set) var value: JSON
  private var stamp: Stamp

  init(_ value: JSON, createdAt stamp: Stamp) {
    self.value = value
    self.stamp = stamp
  }

  /// What is wrong with what the server made of an edit that it accepted; nil where it is right.
  ///
  /// `isUpToSomebody` says whether there is a conflict of it.
  mutating func take(
    _ edit: JSON, _ strategy: Strategy, at edited: Stamp, on base: Stamp?, isUpToSomebody: Bool
  ) -> String? {
    let isOwn = edited.client == stamp.client && stamp.client != .zero
    if isOwn || base == stamp {
      put(edit, at: edited)
      return isUpToSomebody ? "is up to somebody, though it was made on what stood" : nil
    }
    if edit == value {
      return isUpToSomebody ? "is up to somebody, though it changes nothing" : nil
    }
    switch strategy {
    case .serverWins: return isUpToSomebody ? "is up to somebody" : nil
    case .userChoice:
      return isUpToSomebody ? nil : "was made on something else, and is up to nobody"
    case .reject: return "was accepted, though it was made on something else"
    case .clientWins:
      // How late it came is not known for sure: it may have come several times.
      if !isUpToSomebody { put(edit, at: edited) }
      return nil
    }
  }

  /// What a person chose, of what stood.
  mutating func choose(_ chosen: JSON, at stamp: Stamp) { put(chosen, at: stamp) }

  /// No two values have the same stamp, since edits name the one that they were made on.
  private mutating func put(_ edit: JSON, at edited: Stamp) {
    if edit == value { return }
    value = edit
    let isLater =
      edited.time.rawValue > stamp.time.rawValue
      || edited.time == stamp.time && stamp.client < edited.client
    stamp =
      isLater
      ? edited
      : Stamp(time: HybridTime(rawValue: stamp.time.rawValue + 1), client: edited.client)
  }
}

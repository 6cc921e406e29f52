/// How bad it is in a world: which faults there are at all, and how often.
///
/// A world in which everything goes wrong at once hides what one fault alone would show, so each
/// world has some of them.
struct Weather {
  enum Kind: Int, CaseIterable {
    case lost, late, doubled, cut, partition
    case deviceCrash, deviceRestore, deviceClone, hostile, revoked, staleToken
    case serverCrash, serverRestore, fullDisk, brokenDisk, purge, roles, deploy, skew, paging
    case direct
  }

  static let mostSteps = 140

  /// A bit for each kind that there is: asked for at every step.
  private let kinds: UInt32
  let steps: Int

  /// Nothing goes wrong.
  static let calm = Weather(kinds: 0, steps: 0)

  private init(kinds: UInt32, steps: Int) {
    self.kinds = kinds
    self.steps = steps
  }

  init(_ chance: inout Chance, hasDisk: Bool) {
    var kinds: UInt32 = 0
    for kind in Kind.allCases {
      let isThere = chance.once(in: 3)
      switch kind {
      case .serverCrash, .serverRestore, .fullDisk, .brokenDisk:
        if isThere, hasDisk { kinds |= 1 << kind.rawValue }
      default: if isThere { kinds |= 1 << kind.rawValue }
      }
    }
    self.kinds = kinds
    steps = 60 + chance.below(Weather.mostSteps - 60)
  }

  func has(_ kind: Kind) -> Bool {
    kinds & 1 << kind.rawValue != 0
  }
}

import SyncProtocol

/// The masks that references name.
///
/// The server's numbers mean something within one epoch only, and rows outlive it; so a mask has a
/// number of the device's own.
struct MaskTable: Sendable, Equatable {
  /// By the device's number less 1.
  private var masks: [Mask] = []
  /// The device's number by the server's.
  private var numbers: [Int64: Int] = [:]

  /// Takes in what a frame explains.
  mutating func learn(_ explained: [Int64: Mask]) {
    for (number, mask) in explained.sorted(by: { $0.key < $1.key }) where number != 0 {
      if let own = numbers[number], masks[own - 1] == mask { continue }
      numbers[number] = own(mask)
    }
  }

  /// The device's number of the mask of an entry.
  ///
  /// One that nobody has explained shows what the entry brings, and no more.
  mutating func number(of entry: StreamEntry) -> Int {
    if entry.mask == 0 { return 0 }
    if let own = numbers[entry.mask] { return own }
    return own(Mask(collection: entry.row.collection, fields: entry.fields.map(\.key)))
  }

  /// The fields that a mask shows; nil for all.
  func fields(_ number: Int) -> [String]? {
    number > 0 && number <= masks.count ? masks[number - 1].fields : nil
  }

  /// The server's numbers mean nothing any more.
  mutating func beginEpoch() { numbers = [:] }

  private mutating func own(_ mask: Mask) -> Int {
    if let index = masks.firstIndex(of: mask) { return index + 1 }
    masks.append(mask)
    return masks.count
  }
}

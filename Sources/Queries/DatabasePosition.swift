/// A moment of a database that has copies: everything that was committed up to there.
///
/// Places can be compared within one epoch only, which is one life of one server: after a failover
/// another begins, and what a place of the old one holds nobody can say.
package struct DatabasePosition: Sendable, Equatable {
  package let epoch: UInt64
  package let place: UInt64

  package init(epoch: UInt64, place: UInt64) {
    self.epoch = epoch
    self.place = place
  }

  /// Reads what `text` gives; nil for anything else.
  package init?(_ text: String) {
    guard text.utf8.count == DatabasePosition.characters else { return nil }
    var numbers: [UInt64] = [0, 0]
    for (index, byte) in text.utf8.enumerated() {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: return nil
      }
      numbers[index / 16] = numbers[index / 16] << 4 | UInt64(digit)
    }
    self.init(epoch: numbers[0], place: numbers[1])
  }

  /// The position as 32 characters that mean nothing to those who carry it.
  package var text: String { DatabasePosition.digits(epoch) + DatabasePosition.digits(place) }

  private static let characters = 32

  private static func digits(_ number: UInt64) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 16 - text.utf8.count) + text
  }
}

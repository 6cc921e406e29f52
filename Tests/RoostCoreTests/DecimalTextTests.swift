import RoostCore
import Testing

@Suite struct DecimalTextTests {
  /// The bounds of each number of digits and of each width that the writer tells apart.
  private static let numbers: [Int64] = {
    var numbers: [Int64] = [0, .max, .min, .max - 1, .min + 1]
    var power: Int64 = 1
    for _ in 0..<18 {
      power *= 10
      numbers += [power - 1, power, power + 1, 1 - power, -power, -power - 1]
    }
    for bits in [31, 32, 33, 53] { numbers += [(1 << bits) - 1, 1 << bits, -(1 << bits)] }
    return numbers
  }()

  @Test func `a number is written as Swift writes it`() {
    for number in DecimalTextTests.numbers {
      var json = JSONWriter()
      json.int(number)
      #expect(String(decoding: json.bytes, as: UTF8.self) == String(number))
      #expect(String(number).utf8.count <= DecimalText.longest)
    }
  }
}

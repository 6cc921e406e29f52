import Schema
import Testing

/// SplitMix64, so that a seed gives the same mutations everywhere.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

@Suite struct HostileSchemaTests {
  @Test(arguments: 0..<10)
  func mutatedBytesNeverTrap(_ seed: UInt64) {
    let original = Array(ReferenceSchema.bandstand.utf8)
    var random = SeededGenerator(state: seed)
    var loaded = 0
    var refused = 0
    for _ in 0..<500 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: index)
        case 2:
          bytes.insert(original[Int.random(in: 0..<original.count, using: &random)], at: index)
        case 3:
          let end = min(bytes.count, index + Int.random(in: 1...40, using: &random))
          bytes.append(contentsOf: bytes[index..<end])
        default:
          let end = min(bytes.count, index + Int.random(in: 1...40, using: &random))
          bytes.removeSubrange(index..<end)
        }
      }
      do throws(SchemaError) {
        _ = try SchemaModel.load(
          source: String(decoding: bytes, as: UTF8.self), stage: .everything)
        loaded += 1
      } catch {
        refused += 1
        #expect(!error.faults.isEmpty)
        #expect(error.faults.allSatisfy { $0.location.line > 0 && $0.location.column > 0 })
      }
    }
    #expect(loaded + refused == 500)
    #expect(loaded > 0)
    #expect(refused > 0)
  }

  @Test(arguments: [
    "[", "{", "(", "{a:", "[{a:", "\"", "\"\"\"", "@", "@a(", "type A {x:[", "!", "&",
  ])
  func bombsOfOneTokenAreRefused(_ token: String) {
    for prefix in ["", "type A @x(a: ", "type A { x: ", "type A @collection @allow(ops: "] {
      let source = prefix + String(repeating: token, count: 30_000 / token.utf8.count)
      #expect(!faults(source).isEmpty)
    }
  }

  @Test func wideSchemasStayCheap() {
    let names = (0..<5000).map { "V\($0)" }.joined(separator: " ")
    #expect(faults("enum E { \(names) }").count == 1)
    let fields = (0..<3000).map { "f\($0): Strin" }.joined(separator: " ")
    #expect(faults("type A @collection { \(fields) }").count == 1)
    let types = (0..<2000).map { "type T\($0) { x: Strin }" }.joined(separator: " ")
    #expect(faults(types).count == 100)
    let collections = (0..<501).map { "type T\($0) @collection { x: Int }" }.joined(separator: " ")
    #expect(faults(collections).count == 1)
    let uses = String(repeating: "@allow(ops: [RAED]) ", count: 2000)
    #expect(faults("type A @collection \(uses) { x: Int }").count == 100)
    let extensions = String(repeating: "extend type A @index(fields: \"x\") ", count: 1000)
    #expect(faults("type A @collection { x: Int } \(extensions)") == [])
  }

  @Test func aLongCircleOfRolesIsFound() {
    let roles = (0..<200).map { "r\($0) @inherits(from: \"r\(($0 + 1) % 200)\")" }
    let found = faults("enum R @roles { \(roles.joined(separator: " ")) }")
    #expect(found.count == 1)
    let everyone = (0..<100).map { "\"r\($0)\"" }.joined(separator: ", ")
    let dense = (0..<100).map { "r\($0) @inherits(from: [\(everyone)])" }
    #expect(faults("enum R @roles { \(dense.joined(separator: " ")) }").count == 100)
  }
}

import Testing

@testable import RoostCommand

@Suite struct SimulateCommandTests {
  @Test func hashesAreAsLongAsEachOther() {
    #expect(SimulateCommand.digits(0) == "0000000000000000")
    #expect(SimulateCommand.digits(0xABC) == "0000000000000abc")
    #expect(SimulateCommand.digits(.max) == "ffffffffffffffff")
  }
}

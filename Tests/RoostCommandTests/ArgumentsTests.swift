import Testing

@testable import RoostCommand

@Suite struct ArgumentsTests {
  private let options = [Option("--port", "P", "a port"), Option("--json", nil, "as JSON")]

  @Test func sortsOptionsAndOperands() throws {
    let arguments = try Arguments(["a", "--port", "1", "--json", "b", "--", "--c"], options)
    #expect(arguments.operands == ["a", "b", "--c"])
    #expect(arguments["--port"] == "1")
    #expect(arguments.has("--json"))
    #expect(try Arguments(["--port=2"], options)["--port"] == "2")
  }

  @Test(arguments: [
    (["--prot", "1"], "--port"), (["--port"], "--port P"), (["--json=1"], "no value"),
    (["--port", "1", "--port", "2"], "twice"), (["-x"], "unknown option -x"),
  ]) func saysWhatIsWrong(words: [String], part: String) {
    #expect {
      try Arguments(words, options)
    } throws: {
      "\($0)".contains(part)
    }
  }
}

import Testing

@testable import RoostServer

@Suite("The order in which collections come back")
struct ProjectOrderTests {
  @Test(
    "What is referred to comes first, and only rings wait",
    arguments: [
      ([[]], "0"),
      ([[1], []], "1 0"),
      ([[], [0], [1, 0]], "0 1 2"),
      // To itself.
      ([[0]], "0:0"),
      // A ring of two, and one that refers to it.
      ([[1], [0], [0, 1]], "0:0 1 2"),
      // A ring of three: the one that waits for least goes first.
      ([[1, 2], [2], [0]], "1:0 0:1 2"),
    ] as [([[Int]], String)])
  func order(targets: [[Int]], expected: String) {
    let relations = targets.map { targets in
      targets.enumerated().map { (field: $0.offset, target: $0.element) }
    }
    let steps = ProjectOrder.steps(relations).map { step in
      step.awaited.isEmpty
        ? "\(step.collection)"
        : "\(step.collection):" + step.awaited.map { "\($0)" }.joined(separator: ",")
    }
    #expect(steps.joined(separator: " ") == expected)
  }
}

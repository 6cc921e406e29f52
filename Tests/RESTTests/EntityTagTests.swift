import Records
import Testing

@testable import REST

@Suite struct EntityTagTests {
  @Test(arguments: [
    ("\"3-0\"", Records.Expectation.oneOf([3])), ("\"3-7\"", .oneOf([3])), ("*", .any),
    ("\"1-0\", \"2-0\"", .oneOf([1, 2])), ("W/\"3-0\"", .oneOf([-1])), ("3", .oneOf([-1])),
    ("\"x\"", .oneOf([-1])), ("", .oneOf([])), ("\"99999999999999999999-0\"", .oneOf([-1])),
  ]) func ifMatchExpectsVersions(text: String, expectation: Records.Expectation) {
    #expect(EntityTag.expectation(text) == expectation)
  }

  @Test func nothingIsExpectedWithoutTheField() {
    #expect(EntityTag.expectation(nil) == .nothing)
  }

  @Test(arguments: [
    ("\"3-0\"", true), ("W/\"3-0\"", true), ("*", true), ("\"2-0\",\"3-0\"", true),
    ("\"2-0\"", false), ("3-0", false), ("", false),
  ]) func ifNoneMatchComparesWeakly(text: String, matches: Bool) {
    #expect(EntityTag(version: 3).matchesWeakly(text) == matches)
  }
}

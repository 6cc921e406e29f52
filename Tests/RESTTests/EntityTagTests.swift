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
    ("\"3-0a\"", true), ("W/\"3-0a\"", true), ("*", true), ("\"2-0a\",\"3-0a\"", true),
    ("\"2-0a\"", false), ("3-0a", false), ("", false), ("\"3-0b\"", false), ("\"3\"", false),
  ]) func ifNoneMatchComparesTheWholeTagWeakly(text: String, matches: Bool) {
    let tag = EntityTag(version: 3, shape: EntityTag.Shape(digits: "0a"))
    #expect(tag.matchesWeakly(text) == matches)
  }
}

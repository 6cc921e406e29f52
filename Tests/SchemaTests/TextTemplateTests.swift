import Testing

@testable import Schema

@Suite struct TextTemplateTests {
  @Test(arguments: [
    ("{a}", "Ann Bach", "Ann Bach"), ("{a}", " x ", " x "), ("<{a}>", "x", "<x>"),
    ("{a | before ' '}", "Ann Maria Bach", "Ann"), ("{a | before ' '}", "Ann", "Ann"),
    ("{a | after ' '}", "Ann Maria Bach", "Maria Bach"), ("{a|after ' '}", "Ann", nil),
    ("{a | before last ' '}", "Ann Maria Bach", "Ann Maria"),
    ("{a | after last ' '}", "Ann Maria Bach", "Bach"), ("{a | after last ' '}", "Bach", nil),
    ("{a | after ','}", "Bach,  Ann ", "Ann"), ("{a | before ' – '}", "a – b", "a"),
    ("{a | after '(' | before ')'}", "x (y) z", "y"), ("{a | before ''''}", "it's", "it"),
    ("{a | before '}'}", "x}y", "x"), ("{a | number}", "12.5 kg", "12.5"),
    ("{a | number}", "+7kg", "7"), ("{a | number}", "-7. x", "-7"), ("{a | number}", "kg", nil),
    ("{a | after number}", "12.5kg", "kg"), ("{a | after number}", "kg", "kg"),
    ("{a | after '–'}", "é–ü", "ü"), ("{a | after 'aab'}", "aaaab", nil),
    ("{a} {b}", "Ann", "Ann"), ("{b} {a}", "Bach", "Bach"), ("{b}-", "x", nil), ("{a}", nil, nil),
  ]) func aTextIsMadeOfAColumn(template: String, value: String?, text: String?) throws {
    let template = try TextTemplate(template)
    #expect(template.value { $0 == "a" ? value : nil } == text)
  }

  @Test func aKeyNeedsEveryPart() throws {
    let template = try TextTemplate("x:{a | before ' '}:{b}")
    #expect(template.key { ["a": "1 2", "b": "3"][$0] } == "x:1:3")
    #expect(template.key { ["a": "1 2", "b": ""][$0] } == nil)
    #expect(template.columns == ["a", "b"])
  }

  @Test(arguments: [
    ("{a", "braces"), ("a}", "braces"), ("{}", "the name of a column"),
    ("{ | number}", "the name of a column"), ("{a | }", "cuts by nothing"),
    ("{a | middle ' '}", "cuts by middle"), ("{a | before}", "single quotes"),
    ("{a | before x}", "single quotes"), ("{a | before 'x}", "does not end its quotes"),
    ("{a | before ''}", "cannot cut at nothing"), ("{a | number 3}", "braces"),
    ("{a | before last number}", "single quotes"),
  ]) func aTextThatIsNoTemplateIsRefused(text: String, words: String) {
    let fault = #expect(throws: TextTemplate.Fault.self) { try TextTemplate(text) }
    #expect(fault?.message.contains(words) == true, "\(fault?.message ?? "")")
  }
}

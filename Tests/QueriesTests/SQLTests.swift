import Queries
import RoostCore
import Testing

@Suite struct SQLTests {
  @Test func `a value becomes a placeholder and a binding`() {
    let name = "x'; DROP TABLE y; --"
    let sql: SQL = "SELECT a FROM t WHERE b = \(name) AND c = \(7)"
    #expect(sql.text == "SELECT a FROM t WHERE b = ? AND c = ?")
    #expect(sql.bindings == [.text(name), .int(7)])
  }

  @Test func `a fragment brings its bindings along, in order`() {
    let inner: SQL = "b = \(2)"
    let sql: SQL = "a = \(1) AND (\(inner)) AND c = \(3)"
    #expect(sql.text == "a = ? AND (b = ?) AND c = ?")
    #expect(sql.bindings == [.int(1), .int(2), .int(3)])
  }

  @Test(arguments: [
    ("plain", "\"plain\""), ("a\"b", "\"a\"\"b\""), ("\"", "\"\"\"\""), ("", "\"\""),
    ("x\"; DROP TABLE y; --", "\"x\"\"; DROP TABLE y; --\""),
  ])
  func `a name is quoted so that it cannot end its quotation`(name: String, quoted: String) {
    #expect(SQL.identifier(name).text == quoted)
    #expect(SQL.identifier(name).bindings == [])
  }

  @Test func `fragments join and add`() {
    let list = [1, 2, 3].map { SQL("\($0)") }.joined(by: ", ")
    #expect(list.text == "?, ?, ?")
    #expect(list.bindings == [.int(1), .int(2), .int(3)])
    #expect(([] as [SQL]).joined(by: ", ").isEmpty)
    var sum: SQL = "a"
    sum += " = \(1)"
    #expect(sum + ";" == "a = \(1);")
  }

  @Test func `two statements of one text are two statements`() {
    let one = Statement("SELECT \(SQL.placeholder)")
    let other = Statement("SELECT \(SQL.placeholder)")
    #expect(one.text == "SELECT ?")
    #expect(one != other)
    #expect(one == one)
  }

  @Test func `optional values are null when missing`() {
    #expect(Value.optional(nil as String?) == .null)
    #expect(Value.optional("") == .text(""))
    #expect(Value.optional(nil as Int64?) == .null)
    #expect(Value.optional(UUID.zero) == .uuid(.zero))
    #expect(Value.bool(true) == .int(1))
    #expect(Value.timestamp(Timestamp(milliseconds: 5)) == .int(5))
  }
}

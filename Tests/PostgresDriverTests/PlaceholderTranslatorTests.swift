import Testing

@testable import PostgresDriver

/// Placeholders in PostgreSQL's spelling.
@Suite struct PlaceholderTranslatorTests {
  @Test(arguments: [
    ("SELECT 1", "SELECT 1", 0),
    ("SELECT ?", "SELECT $1", 1),
    ("a = ? AND b = ? OR c IN (?,?)", "a = $1 AND b = $2 OR c IN ($3,$4)", 4),
    ("SELECT '?', ?", "SELECT '?', $1", 1),
    ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1", 1),
    (#"SELECT 'a\', ?"#, #"SELECT 'a\', $1"#, 1),
    (#"SELECT E'a\'?', ?"#, #"SELECT E'a\'?', $1"#, 1),
    (#"SELECT e'a''\'?', ?"#, #"SELECT e'a''\'?', $1"#, 1),
    (#"SELECT note'a\', ?"#, #"SELECT note'a\', $1"#, 1),
    (#"SELECT "a?""b", ?"#, #"SELECT "a?""b", $1"#, 1),
    ("SELECT 1 -- ?\n, ?", "SELECT 1 -- ?\n, $1", 1),
    ("SELECT 1 - ?", "SELECT 1 - $1", 1),
    ("SELECT /* ? /* ? */ ? */ ?", "SELECT /* ? /* ? */ ? */ $1", 1),
    ("SELECT 4 / ?", "SELECT 4 / $1", 1),
    ("SELECT $$?$$, ?", "SELECT $$?$$, $1", 1),
    ("SELECT $a$ ? $$ ? $a$, ?", "SELECT $a$ ? $$ ? $a$, $1", 1),
    ("SELECT a$b$c, ?, d$b$", "SELECT a$b$c, $1, d$b$", 1),
    ("SELECT größe?", "SELECT größe$1", 1),
    ("SELECT 'open ?", "SELECT 'open ?", 0),
    ("SELECT /* open ?", "SELECT /* open ?", 0),
    ("SELECT $a$ open ?", "SELECT $a$ open ?", 0),
    ("", "", 0),
  ])
  func `placeholders are numbered outside of quotations`(
    text: String, expected: String, count: Int
  ) {
    let (translated, placeholders) = PlaceholderTranslator.translate(text)
    #expect(translated == expected)
    #expect(placeholders == count)
  }
}

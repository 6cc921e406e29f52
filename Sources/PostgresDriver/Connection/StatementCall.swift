import Queries

/// A statement and the values that it is run with.
enum StatementCall {
  case fixed(Statement, [Value])
  case text(SQL)

  var text: String {
    switch self {
    case .fixed(let statement, _): statement.text
    case .text(let sql): sql.text
    }
  }

  var values: [Value] {
    switch self {
    case .fixed(_, let values): values
    case .text(let sql): sql.bindings
    }
  }
}

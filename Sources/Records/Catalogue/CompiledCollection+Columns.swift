package import Queries
import Schema

extension CompiledCollection {
  /// The columns of the declared fields with what they hold, in the order of the declaration.
  package var columns: [(name: String, kind: CellType)] {
    fields.indices.map { (fields[$0].name, storage[$0].cellType) }
  }
}

extension StoredKind {
  /// How the engines keep it.
  var cellType: CellType {
    switch self {
    case .bool, .int, .timestamp, .duration, .int64: .integer
    case .double: .real
    case .text, .json, .formattedList, .sealed: .text
    case .uuid: .id
    }
  }
}

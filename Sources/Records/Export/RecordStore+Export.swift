package import Queries
package import RoostCore
import Rules
import Schema

/// Rows of an export, rendered.
package struct ExportPage: Sendable {
  package let bytes: [UInt8]
  package let rows: Int
  /// The id of the last row; nil where there was none.
  package let last: UUID?
}

extension RecordStore {
  /// The live rows of a collection behind `id` in the order of ids, at most `limit`, a line for each.
  ///
  /// No rule is asked: who exports has the database.
  package func exportPage(
    _ form: ExportForm, behind id: UUID?, limit: Int, in reader: any Reader
  ) async throws -> ExportPage {
    let collection = form.collection
    let beyond: SQL = id.map { "AND id > \($0)" } ?? ""
    var json = JSONWriter(capacity: 262_144)
    var delimited = DelimitedWriter(form)
    var rows = 0
    var last: UUID?
    let isPlain = form.isPlain
    try await reader.query(
      """
      SELECT \(collection.selectList) FROM \(collection.table) \
      WHERE \(identifier: "deletedAt") IS NULL \(beyond) ORDER BY id LIMIT \(limit)
      """
    ) { row in
      rows += 1
      last = row.uuid(0)
      switch form.syntax {
      case .jsonLines:
        if isPlain { collection.write(row, to: &json) } else { form.write(row, to: &json) }
        json.newline()
      case .csv, .tsv: delimited.add(row)
      }
      return true
    }
    if case .jsonLines = form.syntax {
      return ExportPage(bytes: json.bytes, rows: rows, last: last)
    }
    return ExportPage(bytes: delimited.bytes, rows: rows, last: last)
  }

  /// About how many live records each collection has, by its name, as last counted.
  package func counts(in reader: any Reader) async throws -> [String: Int] {
    var counts: [String: Int] = [:]
    try await reader.query("SELECT collection, live FROM roost_collection_count") { row in
      let number = row.int64(0)
      if let one = catalogue.collections.first(where: { $0.number == number }) {
        counts[one.name] = Int(clamping: row.int64(1))
      }
      return true
    }
    return counts
  }
}

extension ExportForm {
  /// Writes a row as a JSON object with the members that are shown, some of them masked.
  func write(_ row: any Row, to json: inout JSONWriter) {
    json.beginObject()
    let id = row.uuid(0) ?? .zero
    collection.members.writeSystem(
      id, row.int64(1), row.timestamp(2), row.timestamp(3), to: &json)
    for index in shown {
      collection.members.write(index, to: &json)
      if masked.contains(index), !row.isNull(RecordColumns.firstField + index) {
        json.value(Mask.value(of: collection.fields[index], id: id))
      } else {
        collection.writeValue(index, row, to: &json)
      }
    }
    json.endObject()
  }
}

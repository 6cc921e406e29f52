import Foundation
import Records
import RoostCore
import Rules
import Schema
import TestEngine
import Testing

/// Every query of the reference app is served by an index.
@Suite struct QueryPlanTests {
  private static func bandstand() throws -> String {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try String(
      contentsOf: root.appendingPathComponent("Examples/bandstand/schema.graphql"), encoding: .utf8)
  }

  private static func callers(_ house: RecordsHouse) -> [Caller] {
    let uid = house.ann.uid
    return [
      .everyone, Caller(uid: uid, isAnonymous: true), Caller(uid: uid),
      Caller(uid: uid, roles: ["musician"]), Caller(uid: uid, roles: ["support"]),
      Caller(uid: uid, roles: ["admin"]),
    ]
  }

  /// The orders and parents that the schema has indexes for.
  private static func queries(
    _ collection: CompiledCollection, _ reader: RecordReader
  ) throws -> [(String, ListQuery)] {
    var queries = [("id", ListQuery())]
    for (index, field) in collection.fields.enumerated() {
      guard case .reference = field.type else { continue }
      var query = ListQuery()
      query.parent = ListQuery.Parent(field: index, id: UUID(high: 1, low: 2))
      queries.append(("of \(field.name)", query))
      query.parent = nil
      query.filter = try? reader.filter(
        "\(field.name) == '00000000-0000-0000-0000-000000000001'", of: collection)
      if query.filter != nil { queries.append(("filter \(field.name)", query)) }
    }
    for declared in collection.model.indexes {
      guard let last = declared.fields.last,
        let column = RowColumn(last, in: collection.model)
      else { continue }
      for descending in [false, true] {
        queries.append(
          (
            "sort \(last)",
            ListQuery(sort: [SortKey(column: column, descending: descending)])
          ))
      }
    }
    return queries
  }

  // PostgreSQL plans by the number of rows, and reads the empty tables of this test from end to end.
  @Test(.enabled(if: TestEngine.current == .sqlite))
  func everyQueryOfBandstandUsesAnIndex() async throws {
    let house = try await RecordsHouse(try QueryPlanTests.bandstand())
    var explained = 0
    for collection in house.records.catalogue.collections {
      for caller in QueryPlanTests.callers(house) {
        let reader = house.records.reader(caller)
        for (name, query) in try QueryPlanTests.queries(collection, reader) {
          let list = try await house.records.explain(.read, collection, nil, query, for: caller)
          if list.sql.isEmpty { continue }
          explained += 1
          #expect(
            list.usesIndex, "\(collection.name) \(name) \(caller.roles): \(list.sql) \(list.plan)")
        }
        for operation in [Schema.Operation.read, .update, .delete] {
          let point = try await house.records.explain(
            operation, collection, UUID(high: 1, low: 2), for: caller)
          if point.sql.isEmpty { continue }
          explained += 1
          #expect(point.usesIndex, "\(collection.name) \(operation): \(point.sql) \(point.plan)")
          #expect(!point.plan.contains { $0.contains("CORRELATED") }, "\(point.plan)")
        }
      }
    }
    #expect(explained > 200)
    await house.close()
  }

  @Test func aQueryWithoutAnIndexIsSeen() async throws {
    let house = try await RecordsHouse(
      "type Note @collection @allow(ops: [READ], to: PUBLIC, when: \"text != 'a'\") { text: String }"
    )
    let found = try await house.records.explain(
      .read, house.collection("notes"), nil, for: .everyone)
    #expect(!found.usesIndex)
    await house.close()
  }
}

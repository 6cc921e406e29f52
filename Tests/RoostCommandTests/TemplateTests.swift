import Foundation
import Schema
import Testing

@testable import RoostCommand

@Suite struct TemplateTests {
  @Test(arguments: Templates.all.map(\.name)) func everyTemplateCanBeServed(name: String) throws {
    let template = try #require(Templates.all.first { $0.name == name })
    let model = try SchemaModel.load(source: template.schema)
    #expect(!model.collections.isEmpty)
  }

  @Test func theBandstandTemplateIsTheExample() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let example = try String(
      contentsOf: root.appendingPathComponent("Examples/bandstand/schema.graphql"),
      encoding: .utf8)
    #expect(Template.bandstand.schema == example)
  }
}

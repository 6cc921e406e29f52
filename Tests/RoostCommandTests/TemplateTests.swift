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

  @Test func theProgramOfTheServerTemplateIsTheOneThatIsBuiltHere() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    let program = try String(
      contentsOf: root.appendingPathComponent("TemplateServer/main.swift"), encoding: .utf8)
    #expect(Template.program == program)
  }

  @Test func aServerTemplateNamesTheCheckoutItIsBuiltWith() throws {
    let files = Template.server.files(name: "a/b", roost: #"/srv/a "b"\c"#)
    let manifest = try #require(files.first { $0.0 == "Package.swift" }?.1)
    #expect(manifest.contains(#"path: "/srv/a \"b\"\\c""#))
    #expect(!files.contains { $0.1.contains("{roost}") || $0.1.contains("{title}") })
    #expect(files.first { $0.0 == "README.md" }?.1.hasPrefix("# b\n") == true)
    #expect(Set(files.map(\.0)).count == files.count)
  }
}

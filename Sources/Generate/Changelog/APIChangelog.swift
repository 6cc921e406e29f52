import RoostCore
import Schema

/// The changelog of an app's API and the guide from one major version to the next, in Markdown.
package struct APIChangelog: Sendable {
  private struct Step {
    let release: APIRelease
    let before: APIRelease
    let changes: [SchemaChange]
  }

  private let releases: [APIRelease]
  private let steps: [Step]

  /// `releases` from the oldest to the newest.
  package init(_ releases: [APIRelease]) {
    self.releases = releases
    steps = zip(releases.dropFirst(), releases).map { release, before in
      Step(
        release: release, before: before,
        changes: SchemaDifference(from: before.model, to: release.model).changes)
    }
  }

  // MARK: The changelog

  /// Every version, newest first, and what is new in it.
  package var changelog: String {
    var text = "# Changelog of the API\n"
    text += "\nGenerated from the schemas that were served. Versions follow "
    text += "[Semantic Versioning](https://semver.org): a major version breaks.\n"
    for step in steps.reversed() {
      text += "\n## \(heading(step.release))\n"
      text += section("Breaking", step.changes, .major)
      text += section("Added and allowed", step.changes, .minor)
      text += section("In words", step.changes, .patch)
    }
    if let first = releases.first {
      let names = first.model.collections.map { "`\($0.name)`" }.joined(separator: ", ")
      text += "\n## \(heading(first))\n\nThe first version: \(names.isEmpty ? "empty" : names).\n"
    }
    return text
  }

  private func heading(_ release: APIRelease) -> String {
    "\(release.version)" + (release.at.map { " – \($0.description.prefix(10))" } ?? "")
  }

  private func section(
    _ title: String, _ changes: [SchemaChange], _ level: ChangeLevel
  ) -> String {
    let changes = changes.filter { $0.level == level }
    guard !changes.isEmpty else { return "" }
    return "\n### \(title)\n\n"
      + changes.map { "- \(APIChangelog.sentence($0))\n" }.joined()
  }

  private static func sentence(_ change: SchemaChange) -> String {
    guard let collection = change.collection else { return change.text }
    return change.code.hasPrefix("collection_") ? change.text : "`\(collection)`: \(change.text)"
  }

  // MARK: The guide

  /// What a client does to follow each major version, oldest first.
  package var guide: String {
    var text = "# From one major version of the API to the next\n"
    let breaking = steps.filter { step in step.changes.contains { $0.level == .major } }
    if breaking.isEmpty { return text + "\nNothing has broken so far.\n" }
    text += "\nSend `Roost-Version` with the version that a client was written for: the answer's "
    text += "`Roost-Compatibility` says whether something broke since.\n"
    for step in breaking {
      text += "\n## From \(step.before.version) to \(step.release.version)\n"
      for (title, changes) in grouped(step.changes.filter { $0.level == .major }) {
        text += "\n### \(title)\n\n"
        for change in changes {
          text += "- [ ] \(change.text)"
          if let guidance = change.guidance { text += " \(guidance)" }
          text += "\n"
        }
      }
    }
    return text
  }

  /// The changes by collection, in the order in which they are first met.
  private func grouped(_ changes: [SchemaChange]) -> [(String, [SchemaChange])] {
    var titles: [String] = []
    var groups: [String: [SchemaChange]] = [:]
    for change in changes {
      let title = change.collection.map { "`\($0)`" } ?? "All collections"
      if groups[title] == nil { titles.append(title) }
      groups[title, default: []].append(change)
    }
    return titles.map { ($0, groups[$0] ?? []) }
  }
}

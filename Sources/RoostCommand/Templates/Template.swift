/// What a new app folder starts with.
struct Template: Sendable {
  let name: String
  let schema: String
  /// Files beside those of every app, by their names; `{roost}` stands for the checkout of Roost.
  let sources: [(String, String)]
  /// The page about the app where it is not the usual one; `{title}` stands for its name.
  let readme: String?

  init(name: String, schema: String, sources: [(String, String)] = [], readme: String? = nil) {
    self.name = name
    self.schema = schema
    self.sources = sources
    self.readme = readme
  }

  /// Whether the app is a package of its own, which is built with a checkout of Roost.
  var isPackage: Bool { !sources.isEmpty }

  /// The files of a new folder, by their names; `roost` is the path of the checkout of Roost.
  func files(name: String, roost: String = "") -> [(String, String)] {
    let title = name.split(separator: "/").last.map(String.init) ?? name
    let path = roost.split(separator: "\\", omittingEmptySubsequences: false)
      .joined(separator: "\\\\").split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\\\"")
    let sources = sources.map { ($0.0, Template.filled($0.1, "{roost}", path)) }
    if let readme {
      return app + sources + [
        ("README.md", Template.filled(readme, "{title}", title)),
        (".gitignore", ".roost/\n.build/\n"),
      ]
    }
    return app + [
      (
        "README.md",
        """
        # \(title)

        An app of Roost. `schema.graphql` declares what it stores and who may do what.

            roost dev .          # serves it on http://127.0.0.1:8080
            roost doctor .       # says what is wrong or weak about it

        Sign in without an e-mail address, and read a collection:

            curl -X POST http://127.0.0.1:8080/v1/auth/anonymous
            curl -H "Authorization: Bearer ACCESS_TOKEN" http://127.0.0.1:8080/v1/…

        """
      ),
      (".gitignore", ".roost/\n"),
    ]
  }

  private var app: [(String, String)] {
    [
      ("schema.graphql", schema),
      (
        "roost.yaml",
        """
        # The settings of this app; roost dev --help lists them all.
        server:
          port: 8080
        log:
          level: info

        """
      ),
    ]
  }

  private static func filled(_ text: String, _ place: String, _ value: String) -> String {
    text.split(separator: place, omittingEmptySubsequences: false).joined(separator: value)
  }
}

/// All templates.
///
/// Adding one is one file, and one line here.
enum Templates {
  static let all = [Template.tasks, Template.bandstand, Template.server]
}

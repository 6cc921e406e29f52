/// What a new app folder starts with.
struct Template: Sendable {
  let name: String
  let schema: String

  /// The files of a new folder, by their names.
  func files(name: String) -> [(String, String)] {
    let title = name.split(separator: "/").last.map(String.init) ?? name
    return [
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
}

/// All templates.
///
/// Adding one is one file, and one line here.
enum Templates {
  static let all = [Template.tasks, Template.bandstand]
}

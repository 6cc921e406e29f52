/// The roles of an app: those that its schema declares, and `admin`, which there always is.
package struct AppRoles: Sendable {
  /// The role of those who may use `/v1/admin`.
  package static let administrator = "admin"

  /// In the order of the schema.
  package let names: [String]
  /// For each role, itself and everything that it inherits, directly or not.
  private let closure: [String: Set<String>]
  /// The roles whose holders are administrators: `admin` and those that inherit it.
  let administrative: Set<String>

  package init(names: [String] = [], closure: [String: Set<String>] = [:]) {
    let admin = AppRoles.administrator
    self.names = names.contains(admin) ? names : names + [admin]
    self.closure = closure
    administrative = Set(self.names.filter { $0 == admin || closure[$0]?.contains(admin) == true })
  }

  package func contains(_ name: String) -> Bool { names.contains(name) }

  /// What a role inherits, directly or not, in the order of the schema.
  package func inherited(by name: String) -> [String] {
    names.filter { $0 != name && closure[name]?.contains($0) == true }
  }

  /// Whether the holder of `roles` is an administrator.
  package func administers(_ roles: Set<String>) -> Bool { !administrative.isDisjoint(with: roles) }
}

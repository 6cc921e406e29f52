/// The engines that predicates are written for.
package enum Dialect: Sendable, CaseIterable {
  case sqlite
  case postgres
}

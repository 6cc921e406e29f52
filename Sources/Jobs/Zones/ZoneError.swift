/// Why a time zone cannot be used, in words that say what to do.
package struct ZoneError: Error, Sendable, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// Why a database cannot be used, in words that say what to do.
///
/// It is thrown at the start of the program, by the opening of an engine and by `Migrator`, and is
/// meant for the person who starts it.
package struct DatabaseOpenError: Error, Sendable, CustomStringConvertible {
  package enum Reason: Sendable, Equatable {
    /// The folder cannot be created, read or written.
    case folder
    /// Another process holds the folder.
    case inUse
    /// The file is not a database, or is damaged.
    case notADatabase
    /// The file is a database of another program.
    case foreign
    /// The database was written by a newer version of Roost.
    case newer
    /// The migrations on record do not fit those of this program.
    case migrations
    /// The engine refused a setting or failed in another way.
    case engine
  }

  package let reason: Reason
  package let description: String

  package init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}

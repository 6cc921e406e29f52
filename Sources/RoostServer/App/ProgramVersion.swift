/// The version of this program, in the terms of semantic versioning.
package enum ProgramVersion {
  package static let current = "0.1.0"
}

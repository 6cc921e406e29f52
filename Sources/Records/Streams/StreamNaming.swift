/// The names of collections as a device of an older version knows them.
package struct StreamNaming: Sendable {
  /// The older name by that of now; what the device does not know is not in it.
  package let former: [String: String]
  /// The name of now by the older one.
  package let now: [String: String]

  package init(former: [String: String]) {
    self.former = former
    var now: [String: String] = [:]
    for (name, old) in former { now[old] = name }
    self.now = now
  }
}

package import RoostCore

/// Where a server listens, and with how much.
package struct HTTPServerConfiguration: Sendable {
  /// An IPv4 or IPv6 address, or `localhost`.
  package var host: String
  /// 0 takes any free port.
  package var port: Int
  /// Event loops, each with a thread of its own; 0 means one for each core.
  package var loops: Int
  package var limits: Limits

  package init(
    host: String = "127.0.0.1", port: Int = 8080, loops: Int = 0, limits: Limits = Limits()
  ) {
    self.host = host
    self.port = port
    self.loops = loops
    self.limits = limits
  }
}

package import Cryptography
package import RoostCore
package import Transport

/// Where a server listens, and with how much.
package struct HTTPServerConfiguration: Sendable {
  /// An IPv4 or IPv6 address, or `localhost`.
  package var host: String
  /// 0 takes any free port.
  package var port: Int
  /// Event loops, each with a thread of its own; 0 means one for each core.
  package var loops: Int
  package var limits: Limits
  /// What clients are offered in their handshakes; nil where they speak without TLS.
  package var tls: TLSContext?
  /// Whether any client may speak without TLS; else this machine and the proxies alone may.
  package var allowsPlaintext = true
  /// The proxies before the server, and how they name their clients.
  package var forwarding = Forwarding()
  /// Addresses whose connections are not counted by address, beside the proxies'.
  package var uncounted = AddressRanges()
  /// Who refuses requests for load; nil where nobody does.
  package var gate: (any LoadGate)?
  /// Fields that every answer carries, a malformed request's too; names and values are constants.
  package var fixedFields: [(name: String, value: String)] = []

  package init(
    host: String = "127.0.0.1", port: Int = 8080, loops: Int = 0, limits: Limits = Limits()
  ) {
    self.host = host
    self.port = port
    self.loops = loops
    self.limits = limits
  }
}

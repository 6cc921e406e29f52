import CLinux
import Glibc
import RoostCore

/// Opens the listening sockets of a server.
enum Listener {
  private static let backlog: Int32 = 4096

  /// `count` sockets on one port, and that port.
  static func open(host: String, port: Int, count: Int) throws -> ([Int32], Int) {
    guard let asked = Int32(exactly: port), (0...65_535).contains(asked) else {
      throw RoostError(.invalid, "Port \(port) does not exist: choose one from 1 to 65535.")
    }
    let address = literal(host)
    if asked > 0 {
      // Without SO_REUSEPORT, since with it a second server would silently share the port.
      let probe = roost_listen(address, asked, 0, 1)
      guard probe >= 0 else { throw failure(-probe, host, port) }
      Glibc.close(probe)
    }
    var listeners: [Int32] = []
    var bound = asked
    for _ in 0..<max(1, count) {
      let listener = roost_listen(address, bound, 1, backlog)
      guard listener >= 0 else {
        for open in listeners { Glibc.close(open) }
        throw failure(-listener, host, port)
      }
      listeners.append(listener)
      if bound == 0 { bound = roost_bound_port(listener) }
    }
    return (listeners, Int(bound))
  }

  private static func literal(_ host: String) -> String {
    if host.lowercased() == "localhost" { return "127.0.0.1" }
    if host.hasPrefix("["), host.hasSuffix("]") { return String(host.dropFirst().dropLast()) }
    return host
  }

  private static func failure(_ errorNumber: Int32, _ host: String, _ port: Int) -> RoostError {
    switch errorNumber {
    case EADDRINUSE:
      RoostError(
        .conflict,
        "Port \(port) on \(host) is in use: stop the program that listens there, or choose "
          + "another port.")
    case EACCES, EPERM:
      RoostError(
        .forbidden,
        "Port \(port) is privileged: choose one from 1024 on, or give the program the capability "
          + "CAP_NET_BIND_SERVICE.")
    case EADDRNOTAVAIL:
      RoostError(
        .invalid,
        "\(host) is not an address of this machine: use 127.0.0.1, 0.0.0.0 or one that "
          + "`ip address` shows.")
    case EAFNOSUPPORT:
      RoostError(.invalid, "This machine has no IPv6: use an IPv4 address instead of \(host).")
    case EINVAL:
      RoostError(
        .invalid,
        "\(host) is not an IPv4 or IPv6 address: use one such as 127.0.0.1 or ::1, or localhost.")
    default:
      RoostError(
        .internalError,
        "Listening on \(host) port \(port) failed: \(String(cString: strerror(errorNumber))).")
    }
  }
}

import Accounts
import RoostCore
import RoostServer

/// The one-time link by which an account becomes an administrator.
///
/// The token stands behind a number sign: browsers keep that part to themselves, so it reaches no
/// log of this server or of a proxy.
struct AdministratorLink {
  let url: String
  let expiresAt: Timestamp

  /// Makes a claim, which takes the place of the one before, and its link.
  init(claim: AdminClaimFile, base: String, ambient: Ambient) throws {
    let issued = try claim.issue(random: ambient.random, now: ambient.time.now())
    url = "\(base)/v1/admin/claim#\(issued.token.reveal())"
    expiresAt = issued.expiresAt
  }

  /// Where a browser on this machine finds the server, such as `http://127.0.0.1:8080`.
  static func base(_ settings: Settings, port: Int) -> String {
    var host = settings.text(SettingKeys.host)
    // The addresses that stand for all of them are none to connect to.
    if host == "0.0.0.0" { host = "127.0.0.1" }
    if host == "::" { host = "::1" }
    let scheme = settings.text(SettingKeys.tlsCertificates).isEmpty ? "http" : "https"
    return "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }
}

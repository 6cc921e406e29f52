import Cryptography
import HTTPServer
import RoostCore
import Transport

/// Where a server listens and to whom it speaks how, from its settings.
package struct WebDoor: Sendable {
  let configuration: HTTPServerConfiguration
  /// What answers carry for browsers, before they are packed.
  let marks: [any AnswerMark]
  /// Reads the certificates; nil where the server speaks without TLS.
  let certificates: CertificateFiles?

  /// Reads the certificates too.
  ///
  /// Throws where clients could only be served in a way that gives them away, and where a certificate
  /// cannot be used; the message says what to set.
  package init(_ settings: Settings) throws(Settings.Failure) {
    let proxies = AddressRanges(settings.text(SettingKeys.proxies)) ?? AddressRanges()
    certificates = try CertificateFiles(settings)
    let host = settings.text(SettingKeys.host)
    guard certificates != nil || !proxies.isEmpty || WebDoor.isLoopback(host) else {
      throw Settings.Failure(
        description: """
          server.host is \(host.prefix(60)), which other machines can reach, and what is sent there \
          without TLS can be read on its way. Name a certificate and its key (tls.certificates and \
          tls.keys), or the addresses of the proxies that end TLS before this server \
          (server.proxies), or listen on 127.0.0.1.
          """)
    }
    var configuration = HTTPServerConfiguration(
      host: host, port: settings.integer(SettingKeys.port),
      loops: settings.integer(SettingKeys.loops), limits: settings.limits)
    do throws(TLSFault) {
      configuration.tls = try certificates?.context()
    } catch {
      throw Settings.Failure(description: error.description)
    }
    configuration.allowsPlaintext = WebDoor.isLoopback(host)
    configuration.forwarding = Forwarding(
      proxies: proxies,
      field: Forwarding.Field(rawValue: settings.text(SettingKeys.forwardedField)) ?? .xForwardedFor
    )
    configuration.uncounted = .loopback
    configuration.fixedFields = [
      ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"),
    ]
    let seconds = settings.integer(SettingKeys.hstsSeconds)
    var marks: [any AnswerMark] = []
    if seconds > 0, certificates != nil {
      // Every request comes over TLS, so the field costs a request nothing.
      configuration.fixedFields.append(("Strict-Transport-Security", "max-age=\(seconds)"))
    } else if seconds > 0, !proxies.isEmpty {
      marks.append(StrictTransport(seconds: seconds))
    }
    if let origins = CrossOrigin.origins(settings.text(SettingKeys.corsOrigins)), !origins.isEmpty {
      marks.append(
        CrossOrigin(
          origins: origins, allowsCredentials: settings.boolean(SettingKeys.corsCredentials),
          maximumAgeSeconds: settings.integer(SettingKeys.corsMaximumAge)))
    }
    self.marks = marks
    self.configuration = configuration
  }

  private static func isLoopback(_ host: String) -> Bool {
    if host.lowercased() == "localhost" { return true }
    var host = host
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    return NetworkAddress(host)?.isLoopback ?? false
  }
}

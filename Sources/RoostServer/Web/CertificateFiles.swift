import Cryptography
import Glibc

/// The files of the certificates and keys that a server shows, as its settings name them.
struct CertificateFiles: Sendable {
  /// What tells one content of a file from another, without reading it.
  struct Mark: Sendable, Equatable {
    var device = UInt64(0)
    var node = UInt64(0)
    var size = Int64(0)
    var seconds = 0
    var nanoseconds = 0
  }

  private static let largestBytes = 262_144

  private let pairs: [(chain: String, key: String)]
  private let minimum: TLSContext.Version

  /// Nil where the settings name no certificate; paths that are not absolute go from the app's folder.
  init?(_ settings: Settings) throws(Settings.Failure) {
    let chains = CertificateFiles.paths(settings, SettingKeys.tlsCertificates)
    let keys = CertificateFiles.paths(settings, SettingKeys.tlsKeys)
    guard chains.count == keys.count else {
      throw Settings.Failure(
        description: """
          tls.certificates names \(chains.count) files and tls.keys \(keys.count): name one key for \
          each certificate, in the same order
          """)
    }
    guard !chains.isEmpty else { return nil }
    pairs = Array(zip(chains, keys))
    minimum = settings.text(SettingKeys.tlsMinimumVersion) == "1.2" ? .tls12 : .tls13
  }

  private static func paths(_ settings: Settings, _ key: SettingKey) -> [String] {
    settings.text(key).split(separator: ",").map { part in
      let path = String(
        part.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
      )
      return settings.place(path)
    }
  }

  /// Reads all of them and checks that they fit.
  func context() throws(TLSFault) -> TLSContext {
    try TLSContext(try credentials(), minimum: minimum)
  }

  private func credentials() throws(TLSFault) -> [TLSCredentials] {
    var credentials: [TLSCredentials] = []
    for (chain, key) in pairs {
      credentials.append(
        try TLSCredentials(
          chain: CertificateFiles.bytes(chain), key: CertificateFiles.bytes(key),
          chainName: chain, keyName: key))
    }
    return credentials
  }

  /// What a person should hear of files that can be used: dates, and who may read a key.
  func warnings(at second: Int64) -> [String] {
    var warnings: [String] = []
    for (chain, key) in pairs {
      if let each = try? TLSCredentials(
        chain: CertificateFiles.bytes(chain), key: CertificateFiles.bytes(key), chainName: chain,
        keyName: key)
      {
        if each.validUntil < second {
          warnings.append("\(chain): the certificate has expired: clients refuse it; renew it")
        } else if each.validFrom > second {
          warnings.append(
            "\(chain): the certificate is not valid yet: clients refuse it; look at this machine's "
              + "clock, or wait")
        } else if each.validUntil - second < 14 * 86_400 {
          let days = (each.validUntil - second) / 86_400
          warnings.append("\(chain): the certificate expires in \(days) days; renew it")
        }
      }
      var status = stat()
      if stat(key, &status) == 0, status.st_mode & (S_IROTH | S_IWOTH) != 0 {
        warnings.append("\(key): everybody on this machine may read the key; chmod 600 it")
      }
    }
    return warnings
  }

  private static func bytes(_ path: String) throws(TLSFault) -> [UInt8] {
    do throws(FileBytes.Failure) {
      return try FileBytes.read(path, limit: largestBytes)
    } catch {
      throw TLSFault(
        "\(path): it cannot be read (\(error.reason)): name a file that the account of this server "
          + "may read")
    }
  }

  /// How the files are now.
  var marks: [Mark] {
    let paths: [String] = pairs.flatMap { [$0.chain, $0.key] }
    return paths.map { path in
      var status = stat()
      guard stat(path, &status) == 0 else { return Mark() }
      return Mark(
        device: UInt64(status.st_dev), node: UInt64(status.st_ino), size: Int64(status.st_size),
        seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
  }
}

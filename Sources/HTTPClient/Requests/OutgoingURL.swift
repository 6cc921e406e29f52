import CCurl

/// A URL that a request can go to, taken apart by the library that makes the request, so that both
/// read it in the same way.
package struct OutgoingURL: Sendable, Hashable, CustomStringConvertible {
  /// Why a text is no URL of a target, in words.
  package struct Fault: Error, Sendable, Equatable {
    package let reason: String
  }

  package let text: String
  package let isSecure: Bool
  /// Without the brackets of an IPv6 address.
  package let host: String
  package let port: Int

  /// Takes `http` and `https` URLs without user, password and fragment.
  package init(_ text: String) throws(Fault) {
    guard text.utf8.count <= 2048 else {
      throw Fault(reason: "a URL has at most 2,048 bytes")
    }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Fault(reason: "a URL is made of ASCII without spaces: escape what is not (%20)")
    }
    // curl forgives one slash and three, and then takes the path for the host.
    if let scheme = text.firstIndex(of: ":"), text[scheme...].hasPrefix(":/"),
      !text[scheme...].hasPrefix("://") || text[scheme...].hasPrefix(":///")
    {
      throw Fault(
        reason:
          "a URL has two slashes and then its host, such as https://example.org/path: this one "
          + "has \(OutgoingURL.slashes(text[scheme...]))")
    }
    guard let url = curl_url() else { throw Fault(reason: "out of memory") }
    defer { curl_url_cleanup(url) }
    let status = curl_url_set(url, CURLUPART_URL, text, 0)
    guard status == CURLUE_OK else {
      let reason = curl_url_strerror(status).map { String(cString: $0) } ?? "error"
      throw Fault(reason: "this is no URL such as https://example.org/path (\(reason))")
    }
    func part(_ which: CURLUPart, _ flags: UInt32 = 0) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard curl_url_get(url, which, &value, flags) == CURLUE_OK, let value else { return nil }
      defer { curl_free(value) }
      return String(cString: value)
    }
    switch part(CURLUPART_SCHEME) {
    case "https": isSecure = true
    case "http": isSecure = false
    default: throw Fault(reason: "a URL begins with https:// or http://")
    }
    guard part(CURLUPART_USER) == nil, part(CURLUPART_PASSWORD) == nil else {
      throw Fault(reason: "leave user and password out of the URL: requests are signed")
    }
    guard part(CURLUPART_FRAGMENT) == nil else {
      throw Fault(reason: "leave the fragment (#…) out of the URL: it is never sent")
    }
    guard let host = part(CURLUPART_HOST), !host.isEmpty, let whole = part(CURLUPART_URL) else {
      throw Fault(reason: "the URL names no host")
    }
    guard let port = part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) }), port > 0
    else { throw Fault(reason: "a port is a number from 1 to 65535") }
    self.text = whole
    self.port = port
    self.host =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
  }

  private static func slashes(_ text: Substring) -> String {
    let count = text.dropFirst().prefix { $0 == "/" }.count
    return count == 1 ? "one slash" : "no host behind \(count) slashes"
  }

  /// Scheme, host and port.
  package var origin: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return "\(isSecure ? "https" : "http")://\(name):\(port)"
  }

  /// The URL without its query, which may hold a secret.
  package var description: String { String(text.prefix { $0 != "?" }) }
}

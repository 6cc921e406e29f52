import Testing
import Transport

@Suite("Forged forwarded addresses")
struct ForwardingTests {
  private func client(
    _ values: [String], _ field: Forwarding.Field = .xForwardedFor, scheme: String? = nil
  ) throws -> (String, Bool) {
    let forwarding = Forwarding(
      proxies: try #require(AddressRanges("10.0.0.0/8,2001:db8:1::/48")), field: field)
    let peer = try #require(NetworkAddress("10.0.0.1"))
    let client = forwarding.client(behind: peer, values, scheme: scheme)
    return (client.address.text, client.isSecure)
  }

  @Test(
    "The nearest address that is no proxy's is the client's",
    arguments: [
      ([], "10.0.0.1"), ([""], "10.0.0.1"), (["203.0.113.9"], "203.0.113.9"),
      (["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
      (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
      (["203.0.113.9,10.0.0.2 ,\t10.0.0.3"], "203.0.113.9"),
      (["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
      (["198.51.100.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
      (["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
      (["203.0.113.9:443"], "203.0.113.9"), (["[2001:db8::1]:443"], "2001:db8::1"),
      (["2001:db8::1"], "2001:db8::1"), (["203.0.113.9, 2001:db8:1::5"], "203.0.113.9"),
      (["::ffff:203.0.113.9"], "203.0.113.9"),
      // What is no address ends the reading: nothing left of it is believed.
      (["203.0.113.9, unknown"], "10.0.0.1"), (["203.0.113.9, x, 10.0.0.2"], "10.0.0.2"),
      (["203.0.113.9, "], "10.0.0.1"), (["203.0.113.9:99999999"], "10.0.0.1"),
      (["[203.0.113.9"], "10.0.0.1"), (["203.0.113.9 10.0.0.2"], "10.0.0.1"),
    ] as [([String], String)])
  func forwardedFor(values: [String], address: String) throws {
    #expect(try client(values).0 == address)
  }

  @Test(
    "RFC 7239",
    arguments: [
      ("for=203.0.113.9", "203.0.113.9"), ("For=\"203.0.113.9:80\"", "203.0.113.9"),
      ("for=\"[2001:db8::1]\"", "2001:db8::1"),
      ("by=10.0.0.1;for=203.0.113.9;host=a", "203.0.113.9"),
      ("for=198.51.100.1, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
      ("for=203.0.113.9, for=unknown", "10.0.0.1"), ("for=203.0.113.9, for=_hidden", "10.0.0.1"),
      ("for=203.0.113.9, by=10.0.0.2", "10.0.0.1"), ("203.0.113.9", "10.0.0.1"),
      ("for=\"203.0.113.9, for=198.51.100.1", "10.0.0.1"),
      ("host=\"a,for=1.1.1.1\";for=203.0.113.9", "203.0.113.9"),
    ]) func forwarded(value: String, address: String) throws
  {
    #expect(try client([value], .forwarded).0 == address)
  }

  @Test(
    "TLS is what the nearest proxy says",
    arguments: [
      ("https", true), ("HTTPS", true), ("http", false), ("http, https", true),
      ("https, http", false), ("", false),
    ]) func scheme(value: String, isSecure: Bool) throws
  {
    #expect(try client(["203.0.113.9"], scheme: value).1 == isSecure)
    #expect(try client(["203.0.113.9"]).1 == false)
  }

  @Test func theSchemeOfRFC7239() throws {
    #expect(try client(["for=1.1.1.1;proto=https"], .forwarded).1)
    #expect(try !client(["for=1.1.1.1;proto=https, for=203.0.113.9"], .forwarded).1)
  }
}

import Testing
import Transport

@Suite struct AddressTests {
  @Test(arguments: [
    ("127.0.0.1", "127.0.0.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ("2001:DB8:0:0::1", "2001:db8::1"), ("::", "::"), ("::1", "::1"),
  ]) func anAddressHasOneForm(text: String, form: String) {
    #expect(NetworkAddress(text)?.text == form)
  }

  @Test(arguments: ["", "a", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4:80", "[::1]", "::1%lo"])
  func whatIsNoAddressIsNone(text: String) { #expect(NetworkAddress(text) == nil) }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.255.0.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
    ("128.0.0.1", false), ("126.255.255.255", false), ("::2", false), ("0.0.0.0", false),
  ]) func loopback(text: String, isLoopback: Bool) {
    #expect(NetworkAddress(text)?.isLoopback == isLoopback)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
    ("10.1.2.3/8", "10.9.9.9", true), ("192.0.2.1", "192.0.2.1", true),
    ("192.0.2.1", "192.0.2.2", false), ("192.0.2.0/31", "192.0.2.1", true),
    ("192.0.2.0/31", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
    ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "2001:db8::1", true),
    ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
    ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
    ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ("10.0.0.1, 10.0.0.3 10.0.0.5", "10.0.0.3", true),
    ("10.0.0.1, 10.0.0.3 10.0.0.5", "10.0.0.4", false), ("", "127.0.0.1", false),
  ]) func aRangeHoldsWhatBeginsAlike(list: String, address: String, isHeld: Bool) throws {
    let ranges = try #require(AddressRanges(list))
    #expect(ranges.holds(try #require(NetworkAddress(address))) == isHeld)
  }

  @Test(arguments: [
    "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "host", "/8",
  ])
  func whatIsNoRangeIsNone(list: String) { #expect(AddressRanges(list) == nil) }

  @Test func anIPv6ClientIsTheBitsThatItHasToItself() {
    let client = NetworkAddress("2001:db8::1")?.client
    #expect(client == NetworkAddress("2001:db8::ffff:1")?.client)
    #expect(client != NetworkAddress("2001:db8:0:1::1")?.client)
    #expect(NetworkAddress("192.0.2.1")?.client != NetworkAddress("192.0.2.2")?.client)
  }
}

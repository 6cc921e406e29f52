import HTTPClient
import Testing

/// An address and what it is, or nil where a request may go there.
struct AddressCase: Sendable, CustomTestStringConvertible {
  let text: String
  let kind: String?

  init(_ text: String, _ kind: String?) {
    self.text = text
    self.kind = kind
  }

  var testDescription: String { text }
}

@Suite("The guard of addresses")
struct AddressGuardTests {
  /// The first and the last address of each special range, and their neighbours outside of it.
  static let cases = [
    AddressCase("0.0.0.0", "unspecified"), AddressCase("0.255.255.255", "unspecified"),
    AddressCase("1.0.0.0", nil), AddressCase("9.255.255.255", nil),
    AddressCase("10.0.0.0", "private"), AddressCase("10.255.255.255", "private"),
    AddressCase("11.0.0.0", nil), AddressCase("100.63.255.255", nil),
    AddressCase("100.64.0.0", "carrier"), AddressCase("100.100.100.200", "carrier"),
    AddressCase("100.127.255.255", "carrier"), AddressCase("100.128.0.0", nil),
    AddressCase("126.255.255.255", nil), AddressCase("127.0.0.1", "loopback"),
    AddressCase("127.255.255.255", "loopback"), AddressCase("128.0.0.0", nil),
    AddressCase("168.63.129.15", nil), AddressCase("168.63.129.16", "metadata"),
    AddressCase("168.63.129.17", nil), AddressCase("169.253.255.255", nil),
    AddressCase("169.254.0.0", "link-local"), AddressCase("169.254.169.254", "link-local"),
    AddressCase("169.254.255.255", "link-local"), AddressCase("169.255.0.0", nil),
    AddressCase("172.15.255.255", nil), AddressCase("172.16.0.0", "private"),
    AddressCase("172.31.255.255", "private"), AddressCase("172.32.0.0", nil),
    AddressCase("191.255.255.255", nil), AddressCase("192.0.0.0", "reserved"),
    AddressCase("192.0.0.192", "reserved"), AddressCase("192.0.1.0", nil),
    AddressCase("192.0.2.1", "documentation"), AddressCase("192.0.3.0", nil),
    AddressCase("192.88.99.1", "reserved"), AddressCase("192.88.100.1", nil),
    AddressCase("192.167.255.255", nil), AddressCase("192.168.0.0", "private"),
    AddressCase("192.168.255.255", "private"), AddressCase("192.169.0.0", nil),
    AddressCase("198.17.255.255", nil), AddressCase("198.18.0.0", "measurements"),
    AddressCase("198.19.255.255", "measurements"), AddressCase("198.20.0.0", nil),
    AddressCase("198.51.100.7", "documentation"), AddressCase("198.51.101.0", nil),
    AddressCase("203.0.113.7", "documentation"), AddressCase("203.0.114.0", nil),
    AddressCase("8.8.8.8", nil), AddressCase("223.255.255.255", nil),
    AddressCase("224.0.0.1", "multicast"), AddressCase("239.255.255.255", "multicast"),
    AddressCase("240.0.0.0", "reserved"), AddressCase("255.255.255.255", "reserved"),
    AddressCase("::", "unspecified"), AddressCase("::1", "loopback"),
    AddressCase("::2", "reserved"), AddressCase("::127.0.0.1", "reserved"),
    AddressCase("::ffff:127.0.0.1", "loopback"), AddressCase("::ffff:10.1.2.3", "private"),
    AddressCase("::ffff:169.254.169.254", "link-local"), AddressCase("::ffff:8.8.8.8", nil),
    AddressCase("64:ff9b::7f00:1", "loopback"), AddressCase("64:ff9b::a9fe:a9fe", "link-local"),
    AddressCase("64:ff9b::808:808", nil), AddressCase("64:ff9b:1::808:808", "private"),
    AddressCase("2002:7f00:1::", "loopback"), AddressCase("2002:a00:1::1", "private"),
    AddressCase("2002:808:808::1", nil), AddressCase("100::1", "reserved"),
    AddressCase("1fff:ffff::1", "reserved"), AddressCase("2000::1", nil),
    AddressCase("2001::1", "reserved"), AddressCase("2001:0:4136:e378::1", "reserved"),
    AddressCase("2001:1ff::1", "reserved"), AddressCase("2001:200::1", nil),
    AddressCase("2001:db7::1", nil), AddressCase("2001:db8::1", "documentation"),
    AddressCase("2001:db9::1", nil), AddressCase("2606:4700::1111", nil),
    AddressCase("3fff::1", "documentation"), AddressCase("3fff:1000::1", nil),
    AddressCase("4000::1", "reserved"), AddressCase("5f00::1", "reserved"),
    AddressCase("fbff::1", "reserved"), AddressCase("fc00::1", "private"),
    AddressCase("fd00:ec2::254", "private"), AddressCase("fdff::1", "private"),
    AddressCase("fe00::1", "reserved"), AddressCase("fe80::1", "link-local"),
    AddressCase("febf::1", "link-local"), AddressCase("fec0::1", "private"),
    AddressCase("feff::1", "private"), AddressCase("ff02::1", "multicast"),
  ]

  @Test("An address is refused for what it is", arguments: cases)
  func refusesForWhatItIs(_ example: AddressCase) throws {
    let address = try #require(IPAddress(example.text))
    let refusal = AddressGuard().refusal(of: address)
    if let kind = example.kind {
      #expect(refusal?.contains(kind) == true, "\(refusal ?? "allowed")")
    } else {
      #expect(refusal == nil)
    }
  }

  @Test(
    "Development lets requests go to this machine, and nowhere else that is not public",
    arguments: cases)
  func allowsLoopbackAlone(_ example: AddressCase) throws {
    let address = try #require(IPAddress(example.text))
    let refusal = AddressGuard(allowsLoopback: true).refusal(of: address)
    #expect((refusal == nil) == (example.kind == nil || example.kind == "loopback"))
  }

  @Test(
    "A text that is no address in its usual form is none",
    arguments: [
      "", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "1.2.3.4.5", "256.1.1.1", "::g",
      "[::1]",
    ])
  func readsUsualFormsAlone(_ text: String) { #expect(IPAddress(text) == nil) }

  @Test("An address is written in its shortest form")
  func writes() {
    #expect(IPAddress("0:0:0:0:0:0:0:1")?.description == "::1")
    #expect(IPAddress("10.0.0.1")?.description == "10.0.0.1")
    #expect(IPAddress(bytes: [1, 2, 3]) == nil)
  }
}

import CCurl
import Glibc
import Synchronization

/// One request on a handle of libcurl, on the thread that calls it.
final class Transfer: @unchecked Sendable {
  // Proof: used by one thread, that of the transfer; only `isCancelled`, an atomic, is set by others.
  private static let headBytes = 65_536

  private let request: OutgoingRequest
  /// Where the name leads; a connection goes to one of these and to nothing else.
  private let addresses: [IPAddress]
  private let cancellation: Cancellation
  private var body: [UInt8] = []
  private var headers: [(name: String, value: String)] = []
  private var headSize = 0
  private var status = 0
  private var isTooLarge = false
  private var isHeadTooLarge = false
  private var refused: IPAddress?

  /// Whether whoever waits for the answer still does.
  final class Cancellation: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
  }

  init(_ request: OutgoingRequest, to addresses: [IPAddress], _ cancellation: Cancellation) {
    self.request = request
    self.addresses = addresses
    self.cancellation = cancellation
  }

  /// Makes the request, within `milliseconds`.
  func run(
    on handle: CurlHandle, within milliseconds: Int64
  ) -> Result<OutgoingResponse, OutgoingFailure> {
    let curl = handle.pointer
    curl_easy_reset(curl)
    setBounds(curl, milliseconds)
    setCalls(curl)
    var fields: UnsafeMutablePointer<curl_slist>?
    var names: UnsafeMutablePointer<curl_slist>?
    defer {
      curl_slist_free_all(fields)
      curl_slist_free_all(names)
    }
    // No waiting for leave to send the body.
    for line in ["Expect:"] + request.headers.map({ "\($0.name): \($0.value)" }) {
      fields = curl_slist_append(fields, line) ?? fields
    }
    roost_curl_set_list(curl, CURLOPT_HTTPHEADER, fields)
    if IPAddress(request.url.host) == nil {
      let list = addresses.map { $0.bytes.count == 4 ? "\($0)" : "[\($0)]" }
      names = curl_slist_append(
        nil, "+\(request.url.host):\(request.url.port):\(list.joined(separator: ","))")
      roost_curl_set_list(curl, CURLOPT_RESOLVE, names)
    }
    let code = request.body.withUnsafeBytes { bytes -> CURLcode in
      if request.method == "POST" {
        roost_curl_set_long(curl, CURLOPT_POST, 1)
        roost_curl_set_long(curl, CURLOPT_POSTFIELDSIZE, bytes.count)
        roost_curl_set_pointer(
          curl, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
      } else {
        roost_curl_set_text(curl, CURLOPT_CUSTOMREQUEST, request.method)
      }
      return curl_easy_perform(curl)
    }
    return result(code)
  }

  private func setBounds(_ curl: UnsafeMutableRawPointer, _ milliseconds: Int64) {
    roost_curl_set_text(curl, CURLOPT_URL, request.url.text)
    roost_curl_set_text(curl, CURLOPT_PROTOCOLS_STR, request.url.isSecure ? "https" : "http")
    roost_curl_set_long(curl, CURLOPT_FOLLOWLOCATION, 0)
    // An empty name is no proxy, whatever the environment says.
    roost_curl_set_text(curl, CURLOPT_PROXY, "")
    roost_curl_set_text(curl, CURLOPT_NOPROXY, "*")
    roost_curl_set_long(curl, CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
    roost_curl_set_long(curl, CURLOPT_NOSIGNAL, 1)
    roost_curl_set_long(curl, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    roost_curl_set_long(curl, CURLOPT_SSL_VERIFYPEER, 1)
    roost_curl_set_long(curl, CURLOPT_SSL_VERIFYHOST, 2)
    roost_curl_set_long(curl, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    roost_curl_set_long(curl, CURLOPT_TIMEOUT_MS, Int(max(1, milliseconds)))
    roost_curl_set_long(
      curl, CURLOPT_CONNECTTIMEOUT_MS, Int(max(1, min(milliseconds, request.connectMilliseconds))))
    // A connection is used once: what a server sends beyond its answer would be taken for that of the
    // next request (libcurl 7.88 does), and nothing in HTTP/1 tells them apart.
    roost_curl_set_long(curl, CURLOPT_FRESH_CONNECT, 1)
    roost_curl_set_long(curl, CURLOPT_FORBID_REUSE, 1)
  }

  private func setCalls(_ curl: UnsafeMutableRawPointer) {
    // Lives as long as this transfer, which outlives the call of `curl_easy_perform`.
    let own = Unmanaged.passUnretained(self).toOpaque()
    roost_curl_set_pointer(curl, CURLOPT_WRITEDATA, own)
    roost_curl_set_pointer(curl, CURLOPT_HEADERDATA, own)
    roost_curl_set_pointer(curl, CURLOPT_XFERINFODATA, own)
    roost_curl_set_pointer(curl, CURLOPT_OPENSOCKETDATA, own)
    roost_curl_set_data(curl, CURLOPT_WRITEFUNCTION) { bytes, size, count, own in
      Transfer.of(own)?.take(bytes, size * count) == true ? size * count : 0
    }
    roost_curl_set_data(curl, CURLOPT_HEADERFUNCTION) { bytes, size, count, own in
      Transfer.of(own)?.takeLine(bytes, size * count) == true ? size * count : 0
    }
    roost_curl_set_long(curl, CURLOPT_NOPROGRESS, 0)
    roost_curl_set_progress(curl) { own, _, _, _, _ in
      Transfer.of(own)?.cancellation.isSet == true ? 1 : 0
    }
    roost_curl_set_socket(curl) { own, _, address in
      guard let transfer = Transfer.of(own), let address else { return -1 }
      return transfer.open(address)
    }
  }

  private static func of(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
    pointer.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  // MARK: What curl tells

  private func take(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Bool {
    guard body.count + count <= request.answerBytes else {
      isTooLarge = true
      return false
    }
    body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
    return true
  }

  private func takeLine(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Bool {
    headSize += count
    guard headSize <= Transfer.headBytes else {
      isHeadTooLarge = true
      return false
    }
    let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    if line.hasPrefix("HTTP/") {
      // Of several heads (100 Continue) the last one counts.
      headers = []
    } else if let colon = line.firstIndex(of: ":") {
      headers.append(
        (
          name: line[..<colon].lowercased(),
          value: Transfer.trimmed(line[line.index(after: colon)...])
        ))
    }
    return true
  }

  private static func trimmed(_ text: Substring) -> String {
    let isBlank: (Character) -> Bool = { $0.isWhitespace }
    guard let first = text.firstIndex(where: { !isBlank($0) }),
      let last = text.lastIndex(where: { !isBlank($0) })
    else { return "" }
    return String(text[first...last])
  }

  /// A socket for an address that the name was found to lead to; none for any other, which nothing
  /// should ever ask for.
  private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
    guard let target = roost_curl_address(address).flatMap({ IPAddress($0) }),
      addresses.contains(target)
    else {
      refused = roost_curl_address(address).flatMap { IPAddress($0) }
      return -1
    }
    let closed = Int32(SOCK_CLOEXEC.rawValue)
    return socket(
      address.pointee.family, address.pointee.socktype | closed, address.pointee.protocol)
  }

  // MARK: What it came to

  private func result(_ code: CURLcode) -> Result<OutgoingResponse, OutgoingFailure> {
    let host = request.url.host
    if isTooLarge {
      return failure(
        .tooLarge, "\(host) answered with more than \(request.answerBytes) bytes")
    }
    if isHeadTooLarge {
      return failure(.tooLarge, "the head of \(host)'s answer is larger than 64 KB")
    }
    if let refused { return failure(.refusedAddress, "\(host) led to \(refused) all of a sudden") }
    guard code == CURLE_OK else { return failure(code) }
    return .success(OutgoingResponse(status: status, headers: headers, body: body))
  }

  /// The answer of a transfer that went through; a redirect is none.
  func checked(
    _ result: Result<OutgoingResponse, OutgoingFailure>, status: Int
  ) -> Result<OutgoingResponse, OutgoingFailure> {
    guard case .success(let response) = result else { return result }
    if (300..<400).contains(status), let target = response.header("location") {
      return failure(
        .redirected,
        "\(request.url.host) redirects (\(status)) to \(Transfer.shown(target)): redirects are not "
          + "followed; give the URL that answers")
    }
    return .success(
      OutgoingResponse(status: status, headers: response.headers, body: response.body))
  }

  /// A text of another server as a message may show it.
  static func shown(_ text: String) -> String {
    let part = text.unicodeScalars.prefix(200).filter { $0.value > 0x20 && $0.value < 0x7F }
    return String(String.UnicodeScalarView(part)).prefix { $0 != "?" } + ""
  }

  private func failure(_ code: CURLcode) -> Result<OutgoingResponse, OutgoingFailure> {
    let host = request.url.host
    let words = curl_easy_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
    switch code {
    case CURLE_OPERATION_TIMEDOUT:
      return failure(
        .timedOut, "\(host) did not answer within \(request.timeoutMilliseconds) ms")
    case CURLE_COULDNT_CONNECT:
      return failure(.unreachable, "\(host) cannot be reached on port \(request.url.port)")
    case CURLE_COULDNT_RESOLVE_HOST:
      return failure(.unresolved, "the name \(host) has no address")
    case CURLE_ABORTED_BY_CALLBACK: return failure(.cancelled, "the request was given up")
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_INVALIDCERTSTATUS:
      return failure(.untrusted, "the TLS of \(host) is not right: \(words)")
    default:
      return failure(.brokenOff, "\(host) broke off before its answer was complete: \(words)")
    }
  }

  private func failure(
    _ kind: OutgoingFailure.Kind, _ reason: String
  ) -> Result<OutgoingResponse, OutgoingFailure> {
    .failure(OutgoingFailure(kind, reason))
  }
}

/// A handle of libcurl with what it keeps from one request to the next: the certificates that are
/// trusted, and sessions of TLS.
final class CurlHandle: @unchecked Sendable {
  // Proof: whoever took it from the shelf has it alone, and hands it on only by putting it back.
  let pointer: UnsafeMutableRawPointer

  init?() {
    guard let pointer = curl_easy_init() else { return nil }
    self.pointer = pointer
  }

  deinit { curl_easy_cleanup(pointer) }

  /// The status of the last answer.
  var status: Int {
    var status = 0
    roost_curl_get_long(pointer, CURLINFO_RESPONSE_CODE, &status)
    return status
  }
}

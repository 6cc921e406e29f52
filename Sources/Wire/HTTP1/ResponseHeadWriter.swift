/// How the body of an answer is framed.
package enum BodyFraming: Sendable, Equatable {
  /// No body, and no length either: 204 and 304.
  case absent
  case length(Int)
  case chunked
  /// The body ends with the connection: streams to HTTP/1.0, and HEAD of a stream.
  case untilClose
}

/// What the server says about an answer by itself.
package struct ResponseHeadValues {
  package var status: Int
  package var framing: BodyFraming
  package var contentType: StaticString?
  package var requestID: String
  /// The connection is closed after the answer.
  package var closes: Bool
  /// HTTP/1.0 has to be told that the connection stays open.
  package var saysKeepAlive: Bool

  package init(
    status: Int, framing: BodyFraming, contentType: StaticString?, requestID: String, closes: Bool,
    saysKeepAlive: Bool
  ) {
    self.status = status
    self.framing = framing
    self.contentType = contentType
    self.requestID = requestID
    self.closes = closes
    self.saysKeepAlive = saysKeepAlive
  }
}

/// Writes heads of answers (RFC 9112 section 4).
package enum ResponseHeadWriter {
  /// Appends a head up to, but without, its empty line; `prelude` is the output of
  /// `prelude(date:)`.
  package static func write(
    _ values: ResponseHeadValues, prelude: [UInt8], to out: inout ByteQueue
  ) {
    // One look at the room for everything that is below.
    _ = out.room(320)
    if values.status == 200 {
      out.append("HTTP/1.1 200 OK")
    } else {
      out.append("HTTP/1.1 ")
      out.append(decimal: values.status)
      out.append(" ")
      out.append(reason(values.status))
    }
    out.append(prelude)
    out.append(values.requestID)
    if let contentType = values.contentType {
      out.append("\r\nContent-Type: ")
      out.append(contentType)
    }
    switch values.framing {
    case .absent, .untilClose: break
    case .length(let length):
      out.append("\r\nContent-Length: ")
      out.append(decimal: length)
    case .chunked: out.append("\r\nTransfer-Encoding: chunked")
    }
    if values.closes {
      out.append("\r\nConnection: close")
    } else if values.saysKeepAlive {
      out.append("\r\nConnection: keep-alive")
    }
    out.append("\r\n")
  }

  /// The bytes between a status line and the value of X-Request-Id; they change once a second.
  ///
  /// `fields` stand in every answer, each with a CRLF before it.
  package static func prelude(date: [UInt8], fields: [UInt8] = []) -> [UInt8] {
    Array("\r\nDate: ".utf8) + date + fields + Array("\r\nX-Request-Id: ".utf8)
  }

  /// Appends a field, unless its name is no token, is one that the server writes by itself, or its
  /// value has a control character: what a handler passes on cannot split an answer.
  package static func write(field name: String, _ value: String, to out: inout ByteQueue) {
    guard isAllowed(name), isValue(value) else { return }
    out.append(name)
    out.append(": ")
    out.append(value)
    out.append("\r\n")
  }

  private static func isValue(_ value: String) -> Bool {
    var value = value
    return value.withUTF8 { bytes in
      for byte in bytes where !ByteClass.isFieldValue(byte) { return false }
      return true
    }
  }

  private static func isToken(_ name: String) -> Bool {
    var name = name
    return name.withUTF8 { bytes in
      for byte in bytes where !ByteClass.isToken(byte) { return false }
      return true
    }
  }

  private static func isAllowed(_ name: String) -> Bool {
    guard !name.isEmpty, isToken(name) else { return false }
    switch name.utf8.count {
    case 4: return name.lowercased() != "date"
    case 7: return name.lowercased() != "trailer"
    case 10:
      let lower = name.lowercased()
      return lower != "connection" && lower != "keep-alive"
    case 12: return name.lowercased() != "x-request-id"
    case 14: return name.lowercased() != "content-length"
    case 17: return name.lowercased() != "transfer-encoding"
    default: return true
    }
  }

  /// Appends the head of a chunk of `count` bytes, which is not 0.
  package static func writeChunkHead(_ count: Int, to out: inout ByteQueue) {
    out.append(hexadecimal: count)
    out.append("\r\n")
  }

  /// The reason phrase of a status (RFC 9110 section 15).
  package static func reason(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 507: "Insufficient Storage"
    default: "Status"
    }
  }
}

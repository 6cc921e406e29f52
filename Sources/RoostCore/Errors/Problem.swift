/// The rendering of an error as a problem document (RFC 9457, `application/problem+json`).
package enum Problem {
  /// The media type of a problem document.
  package static let mediaType: StaticString = "application/problem+json"

  /// The JSON bytes of the problem document for `error` in answer to the request `requestID`.
  package static func document(_ error: RoostError, requestID: String) -> [UInt8] {
    var json = JSONWriter()
    json.beginObject()
    json.key("type")
    json.string("urn:roost:problem:" + error.code.rawValue)
    json.key("title")
    json.string(error.code.title)
    json.key("status")
    json.int(Int64(error.code.status))
    json.key("detail")
    json.string(error.detail)
    json.key("requestId")
    json.string(requestID)
    if !error.issues.isEmpty {
      json.key("errors")
      json.beginArray()
      for issue in error.issues {
        json.beginObject()
        json.key("pointer")
        json.string(issue.pointer)
        json.key("code")
        json.string(issue.code)
        json.key("message")
        json.string(issue.message)
        json.endObject()
      }
      json.endArray()
    }
    json.endObject()
    return json.bytes
  }
}

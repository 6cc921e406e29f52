import RoostCore
import Transport

/// Renders what came of a batch.
enum BatchAnswer {
  /// Bytes of all answers together beyond which no further operation is carried out.
  private static let maximumBytes = 4_194_304
  /// The same for an answer that is stored for a day.
  private static let maximumStoredBytes = 1_048_576

  static func maximumBytes(isStored: Bool) -> Int {
    isStored ? maximumStoredBytes : maximumBytes
  }

  /// The answer of a batch whose operations were carried out, each with what came of it.
  static func whole(_ results: [Response]) -> Response {
    var json = writer(results)
    json.beginObject()
    json.key("results")
    write(results, to: &json)
    json.endObject()
    return .json(json.bytes)
  }

  /// The problem document of an atomic batch of which nothing was done, with the `results`.
  static func failed(
    _ failures: [Int: BatchFault], of count: Int, requestID: String
  ) -> Response {
    let places = failures.keys.sorted()
    let issues = places.flatMap { index in failures[index]?.issues(at: index) ?? [] }
    let first = places.first ?? 0
    let undone = Response.problem(
      RoostError(
        .failedDependency,
        "Nothing was done: operation \(first) of this atomic batch was refused."),
      requestID: requestID)
    let results = (0..<count).map { failures[$0]?.response ?? undone }
    let error = RoostError(
      .invalid, "Nothing was done: operation \(first) was refused; see results.",
      issues: Array(issues.prefix(BatchFaults.shown)))
    var json = writer(results)
    write(results, to: &json)
    // A problem document may have members of its own (RFC 9457 section 3.2).
    var document = Problem.document(error, requestID: requestID)
    document.removeLast()
    document += Array(",\"results\":".utf8)
    document += json.bytes
    document.append(UInt8(ascii: "}"))
    var response = Response(
      status: error.code.status, contentType: Problem.mediaType, body: .bytes(document))
    if let retry = failures.values.lazy.compactMap({ $0.response.headers["Retry-After"] }).first {
      response.headers.set("Retry-After", retry)
    }
    return response
  }

  /// The bytes of the answer's body.
  static func byteCount(_ response: Response) -> Int {
    if case .bytes(let bytes) = response.body { bytes.count } else { 0 }
  }

  private static func writer(_ results: [Response]) -> JSONWriter {
    JSONWriter(capacity: results.reduce(256) { $0 + byteCount($1) + 256 })
  }

  private static func write(_ results: [Response], to json: inout JSONWriter) {
    json.beginArray()
    for result in results {
      json.beginObject()
      json.key("status")
      json.int(Int64(result.status))
      json.key("headers")
      json.beginObject()
      if let type = result.contentType {
        json.key("Content-Type")
        json.string("\(type)")
      }
      for field in result.headers.fields {
        json.key(field.name)
        json.string(field.value)
      }
      json.endObject()
      json.key("body")
      if case .bytes(let bytes) = result.body, !bytes.isEmpty {
        json.raw(bytes)
      } else {
        json.null()
      }
      json.endObject()
    }
    json.endArray()
  }
}

/// Why an operation of an atomic batch was refused.
struct BatchFault {
  let response: Response
  let error: RoostError

  init(_ error: RoostError, requestID: String) {
    self.error = error
    response = .problem(error, requestID: requestID)
  }

  /// An answer that the router gave in the place of a route.
  init(refused response: Response) {
    self.response = response
    if let allowed = response.headers["Allow"] {
      error = RoostError(.methodNotAllowed, "This path takes \(allowed).")
    } else {
      error = RoostError(.notFound, "This is the path of no collection and no record.")
    }
  }

  /// The faults with pointers into the document of the batch.
  func issues(at index: Int) -> [FieldIssue] {
    let place = "/operations/\(index)"
    guard !error.issues.isEmpty else {
      return [FieldIssue(pointer: place, code: error.code.rawValue, message: error.detail)]
    }
    return error.issues.map { issue in
      let inside =
        if issue.pointer.isEmpty || issue.pointer.hasPrefix("/") {
          "/body" + issue.pointer
        } else if issue.pointer.hasPrefix("?") {
          "/path"
        } else {
          BatchFaults.pointer("/headers", issue.pointer)
        }
      return FieldIssue(pointer: place + inside, code: issue.code, message: issue.message)
    }
  }
}

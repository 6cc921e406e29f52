import RoostCore
import Transport

/// Reads the JSON body of a request.
enum JSONBody {
  /// The body as a JSON value; 415 for another media type, 400 for what is not JSON.
  static func read(_ request: Request) throws -> JSON {
    let type = request.header("content-type")
    if let type, !isJSON(type) {
      throw RoostError(
        .unsupportedMediaType, "Send the body as Content-Type: application/json.")
    }
    guard !request.body.isEmpty else {
      throw RoostError(.malformed, "The request has no body: send a JSON object.")
    }
    guard type != nil else {
      throw RoostError(
        .unsupportedMediaType, "Say what the body is: Content-Type: application/json.")
    }
    do throws(JSONError) {
      return try JSON.parse(request.body)
    } catch {
      throw RoostError(.malformed, "The body is not valid JSON: \(error).")
    }
  }

  /// `application/json`, in any case, with or without parameters.
  private static func isJSON(_ type: String) -> Bool {
    if Headers.equal(type, "application/json") { return true }
    let media = type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
    return Headers.equal(String(media), "application/json")
  }
}

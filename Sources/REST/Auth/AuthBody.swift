import RoostCore
import Transport

/// Takes the members of a small JSON body one by one and collects what is wrong with them.
struct AuthBody {
  private var members: JSONObject
  private var issues: [FieldIssue] = []

  /// Reads the body of a request; none is as good as `{}`.
  ///
  /// Throws `.unsupportedMediaType` for a body that is not declared as JSON, `.malformed` for one that
  /// is no JSON, `.invalid` for one that is no object.
  init(of request: Request) throws {
    guard !request.body.isEmpty else {
      members = JSONObject()
      return
    }
    let value = try JSONBody.read(request)
    guard let object = value.object else {
      throw RoostError.invalid("", "type", "The body must be a JSON object, not \(value.kind).")
    }
    members = object
  }

  /// Takes a required string; an empty one stands in where it is missing or of another type.
  mutating func string(_ name: String) -> String {
    if let text = optionalString(name) { return text }
    if !issues.contains(where: { $0.pointer == "/" + name }) {
      add(name, "required", "\(name) is required: send a string.")
    }
    return ""
  }

  /// Takes a string that may be left out.
  mutating func optionalString(_ name: String) -> String? {
    guard let value = take(name) else { return nil }
    guard let text = value.string else {
      add(name, "type", "\(name) must be a string, not \(value.kind).")
      return nil
    }
    return text
  }

  /// Takes a boolean that is false when it is left out.
  mutating func flag(_ name: String) -> Bool {
    guard let value = take(name) else { return false }
    guard let flag = value.bool else {
      add(name, "type", "\(name) must be true or false, not \(value.kind).")
      return false
    }
    return flag
  }

  /// Throws what is wrong; members that nobody took are unknown.
  mutating func finish() throws {
    for (name, _) in members {
      issues.append(
        FieldIssue(
          pointer: "/" + JSONPointer.escape(name), code: "unknown_field",
          message: "There is no field of this name here: leave it out."))
    }
    if !issues.isEmpty { throw RoostError.invalid(issues) }
  }

  private mutating func take(_ name: String) -> JSON? {
    let value = members[name]
    members[name] = nil
    return value
  }

  private mutating func add(_ name: String, _ code: String, _ message: String) {
    issues.append(FieldIssue(pointer: "/" + name, code: code, message: message))
  }
}

package import RoostCore

extension ActionDeclaration {
  /// Reads the JSON object of a call: the arguments that were given, with defaults for the others.
  ///
  /// Values are in the form in which they are answered elsewhere: ids in lower case, times in UTC.
  /// What was left out and has no default is not there. `now` is the time of the operation. Throws
  /// 422 with a pointer for each fault; codes as `Field.decode` and `Field.validate` have them, and
  /// `unknown_argument`.
  package func decode(_ body: JSON, now: Timestamp) throws(RoostError) -> JSONObject {
    guard let members = body.object else {
      throw .invalid("", "type", "Send the arguments as a JSON object, not \(body.kind).")
    }
    var reading = ArgumentReading(now: now)
    let values = reading.object(members, arguments, of: "The action \(name)", pointer: "")
    if !reading.issues.isEmpty { throw .invalid(reading.issues) }
    return values
  }
}

extension ActionResult {
  /// Writes a value that a handler returned, as it is answered; nil inside where the value is of
  /// another type.
  ///
  /// For records the value is the id, or a list of ids; they are read by whoever answers them.
  package func decode(_ value: JSON) -> Result<FieldValue, FieldIssue> {
    field.decode(value, pointer: "/result")
  }
}

/// The arguments of one call as they are read, with all that is wrong with them.
private struct ArgumentReading {
  let now: Timestamp
  var issues: [FieldIssue] = []

  init(now: Timestamp) { self.now = now }

  mutating func object(
    _ members: JSONObject, _ arguments: [ActionArgument], of owner: String, pointer: String
  ) -> JSONObject {
    var values = JSONObject()
    for (key, _) in members where !arguments.contains(where: { $0.name == key }) {
      let hint = nearest(key, among: arguments.map(\.name)).map { " Did you mean \($0)?" } ?? ""
      add(
        pointer + "/" + JSONPointer.escape(key.prefix(60)), "unknown_argument",
        "\(owner) takes no \"\(key.prefix(60))\".\(hint)")
    }
    for argument in arguments {
      let place = pointer + "/" + argument.name
      guard let given = members[argument.name] else {
        if argument.mustBeGiven {
          add(place, "required", "\(argument.name) is required.")
        } else if case .value(let field) = argument.content, let value = field.defaultValue {
          values[argument.name] = field.type.canonicalElement(value)
        }
        continue
      }
      if let value = value(given, of: argument, pointer: place) { values[argument.name] = value }
    }
    return values
  }

  private mutating func value(
    _ json: JSON, of argument: ActionArgument, pointer: String
  ) -> JSON? {
    switch argument.content {
    case .value(let field):
      switch field.decode(json, pointer: pointer) {
      case .failure(let issue):
        issues.append(issue)
        return nil
      case .success(let value):
        issues += field.validate(value, pointer: pointer, now: now)
        return field.type.canonicalElement(value)
      }
    case .input(let input):
      if json.isNull {
        guard input.isRequired else { return .null }
        add(pointer, "required", "\(argument.name) is required.")
        return nil
      }
      guard input.isList else { return one(json, input, argument.name, pointer: pointer) }
      guard let elements = json.array else {
        add(pointer, "type", "\(argument.name) must be a list, not \(json.kind).")
        return nil
      }
      return .array(
        elements.enumerated().compactMap { index, element in
          if element.isNull, !input.elementsAreRequired { return .null }
          return one(element, input, argument.name, pointer: "\(pointer)/\(index)")
        })
    }
  }

  private mutating func one(
    _ json: JSON, _ input: ActionInput, _ name: String, pointer: String
  ) -> JSON? {
    guard let members = json.object else {
      add(pointer, "type", "\(name) must be an object (\(input.typeName)), not \(json.kind).")
      return nil
    }
    return .object(object(members, input.fields, of: input.typeName, pointer: pointer))
  }

  private mutating func add(_ pointer: String, _ code: String, _ message: String) {
    issues.append(FieldIssue(pointer: pointer, code: code, message: message))
  }
}

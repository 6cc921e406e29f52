import Records
import RoostCore
import Rules
import Transport

/// Reads `fields` and `expand`: what of a record is answered.
struct ShownParameters {
  static let known = ["fields", "expand"]
  /// Names in one of the parameters.
  private static let names = 100

  let collection: CompiledCollection
  let reader: RecordReader

  /// Reads the query of a route that takes nothing else.
  func members(of request: Request) throws -> ShownMembers {
    guard let text = request.query, !text.isEmpty else { return ShownMembers() }
    let parameters = try QueryParameters(text)
    for item in parameters.items where !ShownParameters.known.contains(item.name) {
      throw ListParameters.unknown(item.name, among: ShownParameters.known, of: "A record")
    }
    return try members(parameters)
  }

  func members(_ parameters: QueryParameters) throws -> ShownMembers {
    var shown = ShownMembers()
    if let text = try parameters.single("expand") {
      let paths = try names(text, "expand").map {
        $0.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      }
      shown.expansions = try reader.expansions(paths, of: collection)
    }
    if let text = try parameters.single("fields") {
      var selection = try reader.selection(try names(text, "fields"), of: collection)
      // What is expanded is asked for.
      for expansion in shown.expansions { selection.members.insert(expansion.member) }
      shown.selection = selection
    }
    return shown
  }

  private func names(_ text: String, _ parameter: String) throws -> [String] {
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard names.count <= ShownParameters.names else {
      throw RoostError.invalid(
        "?\(parameter)", "too_many", "\(parameter) has at most \(ShownParameters.names) names.")
    }
    return names
  }
}

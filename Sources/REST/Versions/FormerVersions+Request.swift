import Schema
import Transport

extension FormerVersions {
  /// The older schema that a request was written for; nil where it is the current one, or none that
  /// can be looked through.
  func schema(of request: Request) -> FormerSchema? {
    guard !isEmpty, let wanted = request.header("roost-version"),
      let version = APIVersion.asked(wanted, among: served)
    else { return nil }
    return schema(version)
  }
}

extension APIVersion {
  /// The latest of `known` that a header such as `2` or `2.1` names; nil where there is none.
  static func asked(_ text: String, among known: [APIVersion]) -> APIVersion? {
    guard let numbers = APIVersion.numbers(text) else { return nil }
    return known.last { version in
      zip(numbers, [version.major, version.minor, version.patch]).allSatisfy { $0 == $1 }
    }
  }
}

package import RoostCore

/// What the answers of a route say about its end: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and
/// `Link` (RFC 8288).
package struct DeprecationNotice: Sendable {
  /// The fields, rendered once.
  let fields: [(name: String, value: String)]

  /// `since` and `sunset` are the earliest of all that is deprecated there; `successor` is a path.
  package init(since: Timestamp, sunset: Timestamp?, successor: String?) {
    let seconds = Timestamp.seconds(since)
    var fields = [
      // A date of structured fields (RFC 9651, section 3.3.7).
      (name: "Deprecation", value: "@\(seconds)"),
      (
        name: "Link",
        value: "</docs/changelog.md>; rel=\"deprecation\"; type=\"text/markdown\""
      ),
    ]
    if let sunset {
      fields.append((name: "Sunset", value: HTTPDate.text(sunset)))
      fields.append(
        (name: "Link", value: "</docs/migrating.md>; rel=\"sunset\"; type=\"text/markdown\""))
    }
    if let successor {
      fields.append((name: "Link", value: "<\(successor)>; rel=\"successor-version\""))
    }
    self.fields = fields
  }
}

extension Timestamp {
  /// Whole seconds since 1970.
  static func seconds(_ time: Timestamp) -> Int64 {
    let (quotient, remainder) = time.milliseconds.quotientAndRemainder(dividingBy: 1000)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

/// Times in the form of HTTP (RFC 9110, section 5.6.7).
enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// A time such as `Sat, 21 Nov 2026 00:00:00 GMT`.
  static func text(_ time: Timestamp) -> String {
    // RFC 3339 has all the digits: 2026-11-21T00:00:00.000Z.
    let digits = time.description
    guard digits.utf8.count == 24, let date = CalendarDate(String(digits.prefix(10))) else {
      return digits
    }
    // The first of January 1970 was a Thursday.
    let day = Int(((date.daysSince1970 % 7) + 7) % 7)
    let month = months[Int(date.civil.month) - 1]
    let number = digits.dropFirst(8).prefix(2)
    return "\(days[day]), \(number) \(month) \(digits.prefix(4)) "
      + "\(digits.dropFirst(11).prefix(8)) GMT"
  }
}

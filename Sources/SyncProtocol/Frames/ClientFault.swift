package import RoostCore

/// What is said of changes and requests that only an app with a fault makes.
package enum ClientFault {
  /// For the person, in front of what is said to the developer of the app.
  package static let sentence = "The app sent something that the server does not understand."

  /// The message of a result.
  package static func told(_ technical: String) -> String { "\(sentence) \(technical)" }

  /// The refusal of a request whose frames are none that a client sends, or in no order that it does.
  package static func request(
    _ pointer: String, _ code: String, _ message: String
  ) -> RoostError {
    Members.issue(pointer, code, message)
  }
}

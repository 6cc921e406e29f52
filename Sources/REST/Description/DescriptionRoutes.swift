import Cryptography
import RoostCore
import Synchronization
package import Transport

/// What describes the app's API: OpenAPI, the page to read and try it, and its history in words.
package struct DescriptionRoutes: Sendable {
  private let openAPI: CachedDocument
  private let changelog: CachedDocument
  private let guide: CachedDocument
  private let isDevelopment: Bool

  /// The documents are made when somebody asks for them first; in development the page offers to
  /// sign in without an account.
  package init(
    openAPI: @escaping @Sendable () async throws -> [UInt8],
    changelog: @escaping @Sendable () async throws -> [UInt8],
    guide: @escaping @Sendable () async throws -> [UInt8], isDevelopment: Bool
  ) {
    self.openAPI = CachedDocument("application/json", openAPI)
    self.changelog = CachedDocument("text/markdown; charset=utf-8", changelog)
    self.guide = CachedDocument("text/markdown; charset=utf-8", guide)
    self.isDevelopment = isDevelopment
  }

  /// Adds the routes to `router`.
  package func add(to router: inout Router) {
    router.add(.get, "/openapi.json") { try await openAPI.answer($0) }
    router.add(.get, "/docs/changelog.md") { try await changelog.answer($0) }
    router.add(.get, "/docs/migrating.md") { try await guide.answer($0) }
    let page = DocumentationPage.document(isDevelopment: isDevelopment)
    router.add(.get, "/docs/") { page.answer($0) }
    router.add(.get, "/docs") { _ in
      var response = Response(status: 308)
      response.headers.add("Location", "/docs/")
      return response
    }
  }
}

/// A document that is made once, and answered with an entity tag.
final class CachedDocument: Sendable {
  private let contentType: StaticString
  private let make: @Sendable () async throws -> [UInt8]
  private let made = Mutex<StaticDocument?>(nil)

  init(_ contentType: StaticString, _ make: @escaping @Sendable () async throws -> [UInt8]) {
    self.contentType = contentType
    self.make = make
  }

  func answer(_ request: Request) async throws -> Response {
    try await document().answer(request)
  }

  private func document() async throws -> StaticDocument {
    if let made = made.withLock({ $0 }) { return made }
    // Two who ask at once make it twice, alike.
    let bytes = try await make()
    var headers = Headers()
    headers.set("Cache-Control", "public, max-age=60")
    let document = StaticDocument(
      bytes, contentType: contentType, digest: DocumentDigest.of(bytes), headers: headers)
    made.withLock { $0 = document }
    return document
  }
}

/// What tells a document from others in its entity tag.
enum DocumentDigest {
  static func of(_ bytes: [UInt8]) -> String { Hex.encode(Array(SHA256.digest(bytes).prefix(8))) }
}

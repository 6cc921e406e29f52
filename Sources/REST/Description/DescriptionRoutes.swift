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
    let page = DocumentationPage.response(isDevelopment: isDevelopment)
    router.add(.get, "/docs/") { _ in page }
    router.add(.get, "/docs") { _ in
      var response = Response(status: 308)
      response.headers.add("Location", "/docs/")
      return response
    }
  }
}

/// A document that is made once, and answered with an entity tag.
final class CachedDocument: Sendable {
  private struct Made: Sendable {
    let bytes: [UInt8]
    let tag: String
  }

  private let contentType: StaticString
  private let make: @Sendable () async throws -> [UInt8]
  private let made = Mutex<Made?>(nil)

  init(_ contentType: StaticString, _ make: @escaping @Sendable () async throws -> [UInt8]) {
    self.contentType = contentType
    self.make = make
  }

  func answer(_ request: Request) async throws -> Response {
    let document = try await document()
    var response = Response(status: 200, contentType: contentType, body: .bytes(document.bytes))
    let condition = request.header("if-none-match")
    if let condition, EntityTag.list(condition, holds: document.tag) {
      response = Response(status: 304)
    }
    response.headers.set("ETag", document.tag)
    response.headers.set("Cache-Control", "public, max-age=60")
    return response
  }

  private func document() async throws -> Made {
    if let made = made.withLock({ $0 }) { return made }
    // Two who ask at once make it twice, alike.
    let bytes = try await make()
    let digest = Hex.encode(Array(SHA256.digest(bytes).prefix(8)))
    let document = Made(bytes: bytes, tag: "\"\(digest)\"")
    made.withLock { $0 = document }
    return document
  }
}

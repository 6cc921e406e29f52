import Glibc
import Transport

/// Packs answers as gzip for clients that take it.
///
/// Text of a kilobyte or more is packed: up to 64 KB where it was made, which takes a fraction of a
/// millisecond, and more than that on the global pool, a piece at a time, a few answers at once. What
/// signs people in, and what administrators do, is not packed: the length of a packed answer can tell
/// a secret in it to who can have something of their own put beside it.
struct PackedAnswers: AnswerMark {
  static let threshold = 1024
  private static let pieceBytes = 65_536

  private let pool = PackerPool()

  func refusal(of request: Request) -> Response? { nil }

  func mark(_ response: inout Response, of request: Request) {
    if response.status == 304 {
      nameStored(&response, request)
      return
    }
    guard case .bytes(let bytes) = response.body, bytes.count >= PackedAnswers.threshold,
      response.status != 206, PackedAnswers.isText(response.contentType),
      !PackedAnswers.isSecret(request.path), response.headers["content-encoding"] == nil
    else { return }
    response.headers.add("Vary", "Accept-Encoding")
    guard let field = request.header("accept-encoding"), AcceptedCodings.takesGzip(field) else {
      return
    }
    if bytes.count <= PackedAnswers.pieceBytes {
      guard let packer = pool.take() else { return }
      let packed = bytes.withUnsafeBytes { packer.pack($0, isLast: true) }
      pool.giveBack(packer)
      guard packed.count < bytes.count else { return }
      response.body = .bytes(packed)
    } else {
      // HEAD has no body to pack, but the same fields.
      if request.method != .head {
        guard pool.beginLarge() else { return }
        guard let packer = pool.take() else {
          pool.endLarge()
          return
        }
        response.body = .stream(stream(bytes, LargePacking(packer, pool)))
      } else {
        response.body = .stream { _ in }
      }
    }
    response.headers.set("Content-Encoding", "gzip")
    if let tag = response.headers["etag"] {
      response.headers.set("ETag", StaticDocument.packedTag(tag))
    }
  }

  /// A client that holds the packed answer is told that this one is still good.
  private func nameStored(_ response: inout Response, _ request: Request) {
    guard let tag = response.headers["etag"], let condition = request.header("if-none-match") else {
      return
    }
    let packed = StaticDocument.packedTag(tag)
    guard condition.contains(packed) else { return }
    response.headers.set("ETag", packed)
    response.headers.add("Vary", "Accept-Encoding")
  }

  private func stream(
    _ bytes: [UInt8], _ packing: LargePacking
  ) -> @Sendable (any BodyWriter) async throws -> Void {
    { writer in
      try await withTaskExecutorPreference(globalConcurrentExecutor) {
        var start = 0
        while start < bytes.count {
          let end = min(start + PackedAnswers.pieceBytes, bytes.count)
          let packed = bytes.withUnsafeBytes {
            packing.packer.pack(
              UnsafeRawBufferPointer(rebasing: $0[start..<end]), isLast: end == bytes.count)
          }
          start = end
          if !packed.isEmpty { try await writer.write(packed) }
        }
      }
    }
  }

  private static func isSecret(_ path: String) -> Bool {
    path.hasPrefix("/v1/auth/") || path.hasPrefix("/v1/admin/")
  }

  private static func isText(_ type: StaticString?) -> Bool {
    guard let type else { return false }
    return texts.contains { text in
      text.utf8CodeUnitCount <= type.utf8CodeUnitCount
        && memcmp(text.utf8Start, type.utf8Start, text.utf8CodeUnitCount) == 0
    }
  }

  /// How the types begin that are text; the commonest first.
  private static let texts: [StaticString] = [
    "application/json", "text/", "application/problem+json", "application/graphql",
    "application/x-ndjson", "application/javascript", "image/svg+xml",
  ]
}

/// One large answer's packer, which goes back when the answer has: sent, cut off or never asked for.
final class LargePacking: Sendable {
  let packer: Packer
  private let pool: PackerPool

  init(_ packer: Packer, _ pool: PackerPool) {
    self.packer = packer
    self.pool = pool
  }

  deinit {
    pool.giveBack(packer)
    pool.endLarge()
  }
}

import Cryptography
import RoostCore
import Synchronization

/// Reads certificates again when their files change or somebody asks for it, and once a day, so that
/// the keys of session tickets change.
///
/// Connections that are open keep what they began with. Files that cannot be used are told to the log,
/// and what was there before stays.
final class CertificateKeeper: Sendable {
  private static let pauseNanoseconds: UInt64 = 1_000_000_000
  private static let daySeconds: UInt64 = 86_400

  private let files: CertificateFiles
  private let ambient: Ambient
  private let validUntil: Atomic<Int64>
  private let isAsked: @Sendable () -> Bool
  private let use: @Sendable (TLSContext) -> Void
  private let task = Mutex<Task<Void, Never>?>(nil)

  /// `isAsked` is asked each second; `use` takes what was read.
  init(
    _ files: CertificateFiles, now context: TLSContext?, ambient: Ambient,
    isAsked: @escaping @Sendable () -> Bool, use: @escaping @Sendable (TLSContext) -> Void
  ) {
    self.files = files
    self.ambient = ambient
    self.isAsked = isAsked
    self.use = use
    validUntil = Atomic(context?.validUntil ?? 0)
  }

  /// When the first certificate expires, in seconds since 1970.
  var expiry: Int64 { validUntil.load(ordering: .relaxed) }

  func start() {
    warn()
    task.withLock { $0 = Task { await self.run() } }
  }

  func stop() {
    task.withLock { $0 }?.cancel()
  }

  private func run() async {
    var known = files.marks
    var seen = known
    var readAt = ambient.time.monotonicNanoseconds()
    while true {
      do { try await Task.sleep(nanoseconds: CertificateKeeper.pauseNanoseconds) } catch { return }
      let now = files.marks
      // Two looks that are alike: the files are not being written.
      let isChanged = now != known && now == seen
      seen = now
      let age = (ambient.time.monotonicNanoseconds() &- readAt) / 1_000_000_000
      guard isAsked() || isChanged || age >= CertificateKeeper.daySeconds else { continue }
      known = now
      readAt = ambient.time.monotonicNanoseconds()
      readAgain()
    }
  }

  private func readAgain() {
    do throws(TLSFault) {
      let context = try files.context()
      use(context)
      validUntil.store(context.validUntil, ordering: .relaxed)
      ambient.logger.info("the certificates were read again")
      warn()
    } catch {
      ambient.logger.error(
        "the certificates cannot be used; those from before stay",
        [("error", .string(error.description))])
    }
  }

  private func warn() {
    for warning in files.warnings(at: ambient.time.now().milliseconds / 1000) {
      ambient.logger.warning("a certificate needs care", [("detail", .string(warning))])
    }
  }
}

import CSQLite
import Glibc

/// What the writer's system layer keeps of a database's file and of its log, in the memory of the
/// file behind the part of the layer beneath.
///
/// Writes to the log that follow one another are kept back and handed over together: at the latest
/// before a sync, a cut or a look at the log, before the log is closed, and before the memory
/// barrier behind which its new end is told to readers. The file's content is therefore the same as
/// without this layer whenever anybody can see it. A write that fails when it is handed over fails
/// the call that hands it over, which is the commit's sync at the latest.
///
/// Where a log has a `DirectLog`, writes go that way while it takes them.
///
/// Used by one thread at a time, as its connection is.
struct GatheredFile {
  /// Bytes that are kept back at most; more go to the system in portions.
  ///
  /// SQLite's layer takes no longer write: its `seekAndWriteFd` cuts lengths to 17 bits.
  static let capacity = 131_071

  /// The methods of the layer beneath.
  var own: UnsafePointer<sqlite3_io_methods>
  /// Those, with ours in their places.
  private var methods: sqlite3_io_methods
  /// Of a database's file: its log while that is open.
  private var log: UnsafeMutablePointer<sqlite3_file>?
  /// Of a log: the database's file.
  private var database: UnsafeMutablePointer<sqlite3_file>?
  /// Of a log: the bytes that are kept back.
  private var bytes: UnsafeMutableRawPointer?
  private var count = 0
  /// Where in the file they belong.
  private var start: Int64 = 0
  /// Of a log: the way around the page cache, where it has one.
  private(set) var direct: DirectLog?
  /// The error of a hand-over that could not be answered with it; nothing is taken after it.
  private var failure = SQLITE_OK

  private init(_ own: UnsafePointer<sqlite3_io_methods>) {
    self.own = own
    methods = own.pointee
  }

  /// What is kept of `file`, which must have been attached.
  static func of(_ file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<GatheredFile> {
    (UnsafeMutableRawPointer(file) + GatheringSystem.offset)
      .assumingMemoryBound(to: GatheredFile.self)
  }

  /// The way around the page cache of the log that `connection` writes, where it has one.
  static func direct(of connection: Connection) -> DirectLog? {
    var file: UnsafeMutablePointer<sqlite3_file>?
    sqlite3_file_control(connection.handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
    guard let file, let methods = file.pointee.pMethods else { return nil }
    // Files of other layers have nothing of ours behind them.
    let state = of(file)
    let ours = UnsafeRawPointer(state) + (MemoryLayout<GatheredFile>.offset(of: \.methods) ?? 0)
    return UnsafeRawPointer(methods) == ours ? state.pointee.direct : nil
  }

  // MARK: Attaching

  /// Takes over a database's file that the layer beneath has just opened.
  static func attachDatabase(_ file: UnsafeMutablePointer<sqlite3_file>) {
    guard let state = prepare(file) else { return }
    state.pointee.methods.xShmBarrier = { file in
      guard let file else { return }
      let state = GatheredFile.of(file)
      if let log = state.pointee.log { GatheredFile.handOverAtBarrier(log) }
      state.pointee.own.pointee.xShmBarrier?(file)
    }
    install(file, state)
  }

  /// Takes over the log of `database`, which was attached, that the layer beneath has just opened.
  static func attachLog(
    _ file: UnsafeMutablePointer<sqlite3_file>, of database: UnsafeMutablePointer<sqlite3_file>,
    _ direct: DirectLog?
  ) {
    guard let bytes = malloc(capacity) else { return }
    guard let state = prepare(file) else { return free(bytes) }
    state.pointee.bytes = bytes
    state.pointee.direct = direct
    state.pointee.database = database
    of(database).pointee.log = file
    state.pointee.methods.xClose = { $0.map { GatheredFile.close($0) } ?? SQLITE_MISUSE }
    state.pointee.methods.xWrite = { file, source, count, offset in
      guard let file, let source else { return SQLITE_MISUSE }
      return GatheredFile.write(file, source, Int(count), offset)
    }
    state.pointee.methods.xRead = { file, target, count, offset in
      if let file, let target, let direct = GatheredFile.of(file).pointee.direct,
        direct.image.read(target, Int(count), at: offset)
      {
        return SQLITE_OK
      }
      return GatheredFile.afterHandOver(file) { $0.xRead?(file, target, count, offset) }
    }
    state.pointee.methods.xTruncate = { file, size in
      GatheredFile.afterHandOver(file) { own in
        if let file { GatheredFile.of(file).pointee.direct?.changesBeside(from: size) }
        return own.xTruncate?(file, size)
      }
    }
    state.pointee.methods.xSync = { file, flags in
      guard let file else { return SQLITE_MISUSE }
      return GatheredFile.sync(file, flags)
    }
    state.pointee.methods.xFileSize = { file, size in
      GatheredFile.afterHandOver(file) { $0.xFileSize?(file, size) }
    }
    install(file, state)
  }

  private static func prepare(
    _ file: UnsafeMutablePointer<sqlite3_file>
  ) -> UnsafeMutablePointer<GatheredFile>? {
    guard let own = file.pointee.pMethods else { return nil }
    let state = (UnsafeMutableRawPointer(file) + GatheringSystem.offset)
      .bindMemory(to: GatheredFile.self, capacity: 1)
    state.initialize(to: GatheredFile(own))
    return state
  }

  private static func install(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ state: UnsafeMutablePointer<GatheredFile>
  ) {
    let methods = MemoryLayout<GatheredFile>.offset(of: \.methods) ?? 0
    file.pointee.pMethods = UnsafePointer(
      (UnsafeMutableRawPointer(state) + methods).assumingMemoryBound(to: sqlite3_io_methods.self))
  }

  // MARK: The log

  private static func write(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ source: UnsafeRawPointer, _ count: Int,
    _ offset: Int64
  ) -> Int32 {
    let state = of(file)
    if let direct = state.pointee.direct, state.pointee.failure == SQLITE_OK {
      if direct.begins(at: offset) {
        let code = handOver(file)
        if code != SQLITE_OK { return code }
      }
      if direct.take(source, count, at: offset) { return SQLITE_OK }
      let code = handOver(file)
      if code != SQLITE_OK { return code }
      direct.changesBeside(from: offset)
    }
    return gather(file, source, count, offset)
  }

  /// Keeps a write back that follows the last one.
  private static func gather(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ source: UnsafeRawPointer, _ count: Int,
    _ offset: Int64
  ) -> Int32 {
    let state = of(file)
    let follows = offset == state.pointee.start + Int64(state.pointee.count)
    if !follows || state.pointee.count + count > capacity {
      let code = handOver(file)
      if code != SQLITE_OK { return code }
      state.pointee.start = offset
    }
    if state.pointee.failure != SQLITE_OK { return state.pointee.failure }
    guard count <= capacity, let bytes = state.pointee.bytes else {
      return state.pointee.own.pointee.xWrite?(file, source, Int32(clamping: count), offset)
        ?? SQLITE_IOERR
    }
    (bytes + state.pointee.count).copyMemory(from: source, byteCount: count)
    state.pointee.count += count
    return SQLITE_OK
  }

  /// Writes what is kept back.
  ///
  /// An error forgets it: the call that gets it fails, and with it the transaction that the bytes
  /// belong to.
  private static func handOver(_ file: UnsafeMutablePointer<sqlite3_file>) -> Int32 {
    let state = of(file)
    guard state.pointee.failure == SQLITE_OK else { return state.pointee.failure }
    let code =
      state.pointee.direct?.handOver { bytes, range in
        GatheredFile.writeInPortions(file, bytes, range)
      } ?? SQLITE_OK
    guard code == SQLITE_OK else { return code }
    let count = state.pointee.count
    guard count > 0 else { return SQLITE_OK }
    state.pointee.count = 0
    return state.pointee.own.pointee.xWrite?(
      file, state.pointee.bytes, Int32(clamping: count), state.pointee.start) ?? SQLITE_IOERR
  }

  private static func writeInPortions(
    _ file: UnsafeMutablePointer<sqlite3_file>, _ bytes: UnsafeRawPointer, _ range: Range<Int>
  ) -> Int32 {
    let own = of(file).pointee.own
    for at in stride(from: 0, to: range.count, by: capacity) {
      let count = min(capacity, range.count - at)
      let code =
        own.pointee.xWrite?(
          file, bytes + at, Int32(clamping: count), Int64(range.lowerBound + at)) ?? SQLITE_IOERR
      if code != SQLITE_OK { return code }
    }
    return SQLITE_OK
  }

  /// Makes the log durable, as which a direct hand-over leaves it.
  private static func sync(_ file: UnsafeMutablePointer<sqlite3_file>, _ flags: Int32) -> Int32 {
    let code = handOver(file)
    guard code == SQLITE_OK else { return code }
    let direct = of(file).pointee.direct
    if let direct, direct.isDurable { return SQLITE_OK }
    let synced = of(file).pointee.own.pointee.xSync?(file, flags) ?? SQLITE_IOERR
    if synced == SQLITE_OK { direct?.isDurable = true }
    return synced
  }

  /// Hands over at a barrier, which cannot answer with an error: a failure stays, so that nothing
  /// more is written or made durable behind the gap.
  ///
  /// Where each commit syncs the log first, as ours do, nothing is left to be handed over here.
  private static func handOverAtBarrier(_ file: UnsafeMutablePointer<sqlite3_file>) {
    let code = handOver(file)
    if code != SQLITE_OK { of(file).pointee.failure = code }
  }

  private static func afterHandOver(
    _ file: UnsafeMutablePointer<sqlite3_file>?,
    _ call: (sqlite3_io_methods) -> Int32?
  ) -> Int32 {
    guard let file else { return SQLITE_MISUSE }
    let code = handOver(file)
    if code != SQLITE_OK { return code }
    return call(of(file).pointee.own.pointee) ?? SQLITE_IOERR
  }

  private static func close(_ file: UnsafeMutablePointer<sqlite3_file>) -> Int32 {
    let code = handOver(file)
    let state = of(file)
    if let database = state.pointee.database { of(database).pointee.log = nil }
    free(state.pointee.bytes)
    state.pointee.direct?.close()
    let own = state.pointee.own
    state.deinitialize(count: 1)
    file.pointee.pMethods = own
    let closed = own.pointee.xClose?(file) ?? SQLITE_OK
    return closed == SQLITE_OK ? code : closed
  }
}

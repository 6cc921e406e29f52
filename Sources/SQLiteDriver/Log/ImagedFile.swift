import CSQLite

/// What a reader's system layer keeps of a log whose writer has an image of it, in the memory of the
/// file behind the part of the layer beneath.
///
/// Used by one thread at a time, as its connection is.
struct ImagedFile {
  /// The methods of the layer beneath.
  private let own: UnsafePointer<sqlite3_io_methods>
  /// Those, with ours in their places.
  private var methods: sqlite3_io_methods
  private let image: LogImage

  private static func of(
    _ file: UnsafeMutablePointer<sqlite3_file>
  ) -> UnsafeMutablePointer<ImagedFile> {
    (UnsafeMutableRawPointer(file) + GatheringSystem.offset)
      .assumingMemoryBound(to: ImagedFile.self)
  }

  /// Takes over a log that the layer beneath has just opened.
  static func attach(_ file: UnsafeMutablePointer<sqlite3_file>, _ image: LogImage) {
    guard let own = file.pointee.pMethods else { return }
    let state = (UnsafeMutableRawPointer(file) + GatheringSystem.offset)
      .bindMemory(to: ImagedFile.self, capacity: 1)
    state.initialize(to: ImagedFile(own: own, methods: own.pointee, image: image))
    state.pointee.methods.xRead = { file, target, count, offset in
      guard let file, let target else { return SQLITE_MISUSE }
      let state = ImagedFile.of(file)
      if state.pointee.image.read(target, Int(count), at: offset) { return SQLITE_OK }
      return state.pointee.own.pointee.xRead?(file, target, count, offset) ?? SQLITE_IOERR
    }
    state.pointee.methods.xClose = { file in
      guard let file else { return SQLITE_MISUSE }
      let state = ImagedFile.of(file)
      let own = state.pointee.own
      state.deinitialize(count: 1)
      file.pointee.pMethods = own
      return own.pointee.xClose?(file) ?? SQLITE_OK
    }
    let methods = MemoryLayout<ImagedFile>.offset(of: \.methods) ?? 0
    file.pointee.pMethods = UnsafePointer(
      (UnsafeMutableRawPointer(state) + methods).assumingMemoryBound(to: sqlite3_io_methods.self))
  }
}

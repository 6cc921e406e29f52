/// What is known about a standby and whether it may answer reads; decides without asking anybody.
struct ReplicaState {
  /// Why a standby is in use, or is not.
  enum Standing: Equatable {
    /// Nothing is known yet.
    case new
    case inUse
    case missing
    case behind
    /// It does not have the history of the primary that is there now.
    case astray
    /// It takes writes itself.
    case promoted
    /// It is no copy of this database.
    case foreign

    /// Why it is not in use, in words.
    var fault: String {
      switch self {
      case .new: "it has not been looked at"
      case .inUse: "it was not heard of in time"
      case .missing: "it cannot be reached"
      case .behind: "it is too far behind"
      case .astray: "it does not follow the present primary"
      case .promoted: "it takes writes itself"
      case .foreign: "it is no copy of the database"
      }
    }
  }

  /// What a look at a standby has found.
  struct Look {
    /// Nil when it is no standby any more.
    let bytes: UInt64?
    /// The number of the history in which it stands; nil where it has not read that yet.
    let timeline: UInt32?
    /// When the look began, of the monotonic clock in nanoseconds.
    let time: UInt64
  }

  private let lag: UInt64
  private(set) var standing = Standing.new
  /// How far it had come at the last look.
  private(set) var bytes: UInt64 = 0
  private(set) var timeline: UInt32?
  /// Until when it is young enough to answer, if nothing more is heard.
  private(set) var freshUntil: UInt64 = 0
  /// When the last look began.
  private(set) var lookedAt: UInt64 = 0
  /// Bytes of the primary's log that it lacked at the last look.
  private(set) var lagBytes: UInt64 = 0

  /// `lag` is how old a standby may be, in nanoseconds.
  init(lag: UInt64) { self.lag = lag }

  /// Whether it may answer a read that must see what lies before `bytes` of `timeline`.
  func covers(_ bytes: UInt64, at now: UInt64) -> Bool {
    standing == .inUse && now < freshUntil && bytes <= self.bytes
  }

  /// Takes what a look has found; gives the new standing if it is another.
  mutating func take(_ look: Look, _ primary: PrimaryHistory) -> Standing? {
    lookedAt = look.time
    guard let bytes = look.bytes else { return become(.promoted) }
    self.bytes = bytes
    timeline = look.timeline
    guard let known = primary.timeline, look.timeline == known else {
      lagBytes = 0
      // At the start it may need a moment to read which history it is in.
      return standing == .new ? nil : become(.astray)
    }
    lagBytes = (primary.bytes ?? bytes) > bytes ? (primary.bytes ?? bytes) - bytes : 0
    let covered = primary.time(coveredBy: bytes) ?? 0
    freshUntil = covered == 0 ? 0 : covered + lag
    let age = look.time > covered ? look.time - covered : 0
    // Taken up again only when it has caught up well, so that it does not come and go.
    let isYoung = covered > 0 && age <= (standing == .inUse ? lag : lag / 2)
    return become(isYoung ? .inUse : .behind)
  }

  /// It did not answer, or is another server.
  mutating func fail(_ standing: Standing) -> Standing? {
    freshUntil = 0
    return become(standing)
  }

  private mutating func become(_ standing: Standing) -> Standing? {
    if standing != .inUse { freshUntil = 0 }
    guard standing != self.standing else { return nil }
    self.standing = standing
    return standing
  }
}

import Glibc

/// How many processors this process may use at once: those that it is bound to, and no more than its
/// control groups give it time for.
///
/// More threads than that take the same time from each other in smaller pieces: a process that is held
/// to a quarter of a processor and works on two stands still for longer, and does less.
package enum Processors {
  /// 1 at least; as it was when it was first asked.
  package static let available = count(
    bound: bound(
      status: text("/proc/self/status") ?? "", online: sysconf(Int32(_SC_NPROCESSORS_ONLN))),
    share: share(groups: text("/proc/self/cgroup") ?? "", read: text))

  /// A share of 1.5 processors is two, one of a quarter is one.
  static func count(bound: Int, share: Double?) -> Int {
    guard let share else { return max(1, bound) }
    return max(1, min(bound, Int(min(share.rounded(.up), 65_536))))
  }

  /// The least share, in processors, that the control groups of `groups` (in the form of
  /// `/proc/self/cgroup`) and those above them have; nil where none has a bound.
  ///
  /// Of both versions: `cpu.max`, or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (Linux,
  /// `Documentation/admin-guide/cgroup-v2.rst` and `scheduler/sched-bwc.rst`). A container sees its own
  /// group as the root, whatever path it is told, so the root is looked at in any case.
  static func share(groups: String, read: (String) -> String?) -> Double? {
    var least: Double?
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let controllers = parts[1].split(separator: ",")
      guard controllers.isEmpty || controllers.contains("cpu") else { continue }
      let root = controllers.isEmpty ? "/sys/fs/cgroup" : "/sys/fs/cgroup/\(parts[1])"
      var folders = parts[2].split(separator: "/")
      while true {
        let folder = folders.reduce(into: root) { $0 += "/\($1)" }
        let share =
          controllers.isEmpty
          ? read("\(folder)/cpu.max").flatMap(share(ofMaximum:))
          : share(
            quota: read("\(folder)/cpu.cfs_quota_us"), period: read("\(folder)/cpu.cfs_period_us"))
        if let share { least = min(least ?? share, share) }
        if folders.popLast() == nil { break }
      }
    }
    return least
  }

  private static func share(ofMaximum text: String) -> Double? {
    let words = text.split { $0 == " " || $0 == "\n" }
    guard words.count == 2 else { return nil }
    return share(quota: String(words[0]), period: String(words[1]))
  }

  /// Both in microseconds; a quota of -1 or `max` is no bound.
  private static func share(quota: String?, period: String?) -> Double? {
    guard let quota = quota.flatMap(number), let period = period.flatMap(number), quota > 0,
      period > 0
    else { return nil }
    return Double(quota) / Double(period)
  }

  private static func number(_ text: String) -> Int? {
    text.split(separator: "\n").first.flatMap { Int($0) }
  }

  /// Those that the kernel lets a process run on, by the text of its `/proc/self/status`.
  static func bound(status: String, online: Int) -> Int {
    let name = "Cpus_allowed:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else {
      return online
    }
    // A mask in hexadecimal digits, with a comma between each eight.
    let count = line.dropFirst(name.count).reduce(into: 0) {
      $0 += $1.hexDigitValue?.nonzeroBitCount ?? 0
    }
    return count > 0 ? min(count, online) : online
  }

  /// The first 4 KB of a small file; nil where it cannot be read.
  private static func text(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}

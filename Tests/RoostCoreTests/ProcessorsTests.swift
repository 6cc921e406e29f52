import Testing

@testable import RoostCore

@Suite struct ProcessorsTests {
  private func share(_ groups: String, _ files: [String: String]) -> Double? {
    Processors.share(groups: groups) { files[$0] }
  }

  @Test func aShareIsRoundedUpAndBoundsTheProcessors() {
    #expect(Processors.count(bound: 8, share: nil) == 8)
    #expect(Processors.count(bound: 8, share: 0.25) == 1)
    #expect(Processors.count(bound: 8, share: 1) == 1)
    #expect(Processors.count(bound: 8, share: 1.5) == 2)
    #expect(Processors.count(bound: 2, share: 64) == 2)
    #expect(Processors.count(bound: 2, share: 1e300) == 2)
    #expect(Processors.count(bound: 0, share: nil) == 1)
  }

  @Test func aProcessMayBeBoundToSomeProcessors() {
    #expect(
      Processors.bound(status: "Name:\troost\nCpus_allowed:\t5\nThreads:\t1\n", online: 4) == 2)
    #expect(Processors.bound(status: "Cpus_allowed:\tff,ffffffff\n", online: 64) == 40)
    #expect(Processors.bound(status: "Cpus_allowed:\tffff\n", online: 2) == 2)
    #expect(Processors.bound(status: "Cpus_allowed_list:\t0\n", online: 2) == 2)
    #expect(Processors.bound(status: "", online: 3) == 3)
  }

  @Test func aGroupOfTheSecondVersionHasOneFile() {
    #expect(share("0::/app\n", ["/sys/fs/cgroup/app/cpu.max": "25000 100000\n"]) == 0.25)
    #expect(share("0::/app\n", ["/sys/fs/cgroup/app/cpu.max": "max 100000\n"]) == nil)
  }

  @Test func aGroupOfTheFirstVersionHasTwo() {
    let groups = "5:memory:/app\n4:cpu,cpuacct:/app\n0::/\n"
    let folder = "/sys/fs/cgroup/cpu,cpuacct/app"
    #expect(
      share(
        groups,
        ["\(folder)/cpu.cfs_quota_us": "150000\n", "\(folder)/cpu.cfs_period_us": "100000\n"])
        == 1.5)
    #expect(
      share(
        groups, ["\(folder)/cpu.cfs_quota_us": "-1\n", "\(folder)/cpu.cfs_period_us": "100000\n"])
        == nil)
    // One of memory alone says nothing.
    let memory = ["cfs_quota_us", "cfs_period_us"].map {
      ("/sys/fs/cgroup/memory/app/cpu.\($0)", "1000")
    }
    #expect(share("5:memory:/app\n", Dictionary(uniqueKeysWithValues: memory)) == nil)
  }

  @Test func theLeastOfAllGroupsAboveCounts() {
    let files = [
      "/sys/fs/cgroup/a/b/cpu.max": "200000 100000\n", "/sys/fs/cgroup/a/cpu.max": "50000 100000\n",
    ]
    #expect(share("0::/a/b\n", files) == 0.5)
  }

  /// A container may be told the path of its group on the host, which it does not see.
  @Test func theRootIsLookedAtWhereThePathIsNotThere() {
    #expect(share("0::/docker/1f\n", ["/sys/fs/cgroup/cpu.max": "300000 100000\n"]) == 3)
  }

  @Test(arguments: ["", "25000", "a b\n", "0 100000", "25000 0", "1 2 3"])
  func whatIsNotUnderstoodBoundsNothing(text: String) {
    #expect(share("0::/\n", ["/sys/fs/cgroup/cpu.max": text]) == nil)
  }
}

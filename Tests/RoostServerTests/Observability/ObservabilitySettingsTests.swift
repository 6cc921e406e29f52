import RoostCore
import Testing

@testable import RoostServer

@Suite("Settings of observability")
struct ObservabilitySettingsTests {
  private func settings(
    _ yaml: String? = nil, _ environment: [String: String] = [:]
  ) throws -> Settings {
    try Settings(
      file: yaml.map { ("roost.yaml", Array($0.utf8)) }, environment: environment, flags: [:])
  }

  @Test func fieldsForTheCollectorStandInTheEnvironmentAlone() throws {
    let given = try settings(nil, ["ROOST_TRACES_HEADERS": "authorization=Bearer%20a, x=1"])
    let fields = HeaderList.parse(given.text(SettingKeys.tracesHeaders)) ?? []
    #expect(fields.map(\.name) == ["authorization", "x"])
    #expect(fields.map(\.value) == ["Bearer a", "1"])
    #expect {
      try settings("traces:\n  headers: authorization=secret\n")
    } throws: {
      "\($0)".contains("ROOST_TRACES_HEADERS") && !"\($0)".contains("=secret")
    }
  }

  @Test(arguments: ["a", "=1", "a b=1", "a=%zz", "a=%0d%0aB: c", "a=%ff", "a=1,,b"])
  func whatAreNoFieldsIsRefused(text: String) {
    #expect(HeaderList.parse(text) == nil)
    #expect {
      try settings(nil, ["ROOST_TRACES_HEADERS": text])
    } throws: {
      // It may hold a secret, and is not shown.
      !"\($0)".contains("%zz")
    }
  }

  @Test(arguments: [
    "limits:\n  address: often\n", "limits:\n  account: 5\n", "limits:\n  key: 5 per minute\n",
    "traces:\n  sample: 2\n", "traces:\n  sample: some\n", "traces:\n  perSecond: 0\n",
  ]) func whatDoesNotFitIsRefused(yaml: String) {
    #expect(throws: Settings.Failure.self) { try settings(yaml) }
  }

  @Test(arguments: [
    "limits:\n  address: 600 per minute, burst 100\n", "traces:\n  sample: 0.5\n",
    "traces:\n  sample: 1\n", "limits:\n  device: \"\"\n",
  ]) func whatFitsIsTaken(yaml: String) throws { _ = try settings(yaml) }

  @Test(arguments: ["localhost:4318", "ftp://a/b", "http:///v1"])
  func anEndpointThatIsNoneIsTold(text: String) throws {
    let given = try settings(nil, ["ROOST_TRACES_ENDPOINT": text])
    #expect {
      _ = try AppTraces(given, ambient: Ambient())
    } throws: {
      "\($0)".contains("traces.endpoint")
    }
  }
}

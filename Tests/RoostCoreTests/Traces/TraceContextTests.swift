import RoostCore
import Testing

@Suite("Trace context")
struct TraceContextTests {
  private static let trace = "0af7651916cd43dd8448eb211c80319c"

  @Test(arguments: [
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false),
    // Flags that are not known say nothing, but the first bit is the first bit.
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true),
    ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", false),
    // A later version may have more.
    ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
    ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true),
  ]) func isRead(text: String, isSampled: Bool) throws {
    let context = try #require(TraceContext(text))
    #expect(context.traceID == TraceContextTests.trace)
    #expect(TraceContext.hexadecimal(context.span) == "b7ad6b7169203331")
    #expect(context.isSampled == isSampled)
  }

  @Test(arguments: [
    "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
    "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
    "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
    " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  ]) func isRefused(text: String) { #expect(TraceContext(text) == nil) }

  @Test func isWrittenAsItIsRead() throws {
    let context = TraceContext(high: 1, low: 2, span: 3, isSampled: true)
    #expect(context.text == "00-00000000000000010000000000000002-0000000000000003-01")
    #expect(TraceContext(context.text) == context)
  }

  @Test func stateIsPassedOnWhereItIsHarmless() {
    #expect(TraceContext.checkedState("congo=t61rcWkgMzE,rojo=00f067") != nil)
    for text in [nil, "", "a=\u{1}", "é=1", String(repeating: "a", count: 513)] {
      #expect(TraceContext.checkedState(text) == nil)
    }
  }
}

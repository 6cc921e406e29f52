/// What a component takes from its surroundings: the time, randomness and the log, all injected.
package struct Ambient: Sendable {
  package let time: any TimeSource
  package let random: any RandomSource
  package let logger: Logger

  package init(
    time: any TimeSource = SystemTime(), random: any RandomSource = SystemRandom(),
    logger: Logger = Logger()
  ) {
    self.time = time
    self.random = random
    self.logger = logger
  }

  /// A fresh version 7 identifier.
  package func newID() -> UUID { .version7(at: time.now(), random: random) }
}

import RoostServer

/// What the program that runs the command line brings along.
enum Embedded {
  /// Set around the command; nothing in `roost` itself.
  @TaskLocal static var extensions = AppExtensions()
}

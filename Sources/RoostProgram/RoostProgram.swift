import RoostCommand
import RoostServer

/// The program `roost`: the command line alone, without handlers of an app.
@main struct RoostBinary {
  static func main() { Program.run(AppExtensions()) }
}

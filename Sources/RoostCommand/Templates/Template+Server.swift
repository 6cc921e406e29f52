extension Template {
  /// An app with a server of its own: handlers in Swift around the commands of Roost.
  static let server = Template(
    name: "server", schema: schemaOfServer,
    sources: [
      ("Package.swift", manifest), ("Sources/server/main.swift", program),
      ("Tests/ServerTests/ServerTests.swift", tests),
    ],
    readme: readme)

  private static let schemaOfServer = #"""
    # An app with a server of its own. Every type marked @collection is a table with a REST route;
    # @allow says who may do what, and what no rule allows is refused. A field of Mutation marked
    # @action is carried out by a handler in Sources/server/main.swift.

    type Task @collection @allow(ops: [ALL], owner: "owner") {
      owner: User! @immutable @relation(onDelete: CASCADE)
      title: String! @constraint(minLength: 1, maxLength: 200)
      "Set by the action finishTask."
      done: Boolean! @default(value: "false") @serverOnly
    }

    # Written by finishTask, and followed by what counts.
    type Finish @collection @allow(ops: [READ], owner: "owner") {
      owner: User! @relation(onDelete: CASCADE)
      task: Task @relation(onDelete: SET_NULL)
    }

    "How many tasks somebody has finished."
    type Score @collection @allow(ops: [READ], owner: "owner") {
      owner: User! @unique @immutable @relation(onDelete: CASCADE)
      finished: Int! @default(value: "0") @merge(strategy: COUNTER)
    }

    "How many tasks have been finished by how many people, minute by minute."
    type Report @collection @allow(ops: [READ])
      @retention(after: "createdAt", for: "P1D", action: PURGE) {
      people: Int!
      finished: Int!
    }

    extend type Mutation {
      "Marks a task as done; it counts once, however often it is finished."
      finishTask(id: ID!): Task! @action
    }

    """#

  /// `{roost}` stands for the path of the checkout.
  private static let manifest = #"""
    // swift-tools-version: 6.2
    import PackageDescription

    let package = Package(
      name: "server",
      dependencies: [.package(name: "roost", path: "{roost}")],
      targets: [
        .executableTarget(
          name: "server", dependencies: [.product(name: "Roost", package: "roost")],
          // Handlers run where they are called: what awaits anything but its transaction is undone.
          swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        .testTarget(name: "ServerTests", dependencies: ["server"]),
      ],
      cxxLanguageStandard: .cxx17
    )

    """#

  private static let readme = #"""
    # {title}

    An app of Roost with a server of its own. `schema.graphql` declares what it stores, who may do
    what, and the action `finishTask`; `Sources/server/main.swift` holds the handler of the action, a
    follower that counts, and a function that runs each minute. `Package.swift` says where the
    checkout of Roost is, which is built along with it: some minutes the first time.

        swift build                  # needs the packages that `make build` of Roost installs
        .build/debug/server dev .    # takes the commands of roost: dev, serve, doctor, migrate …
        swift test                   # starts the server and calls the action
        swift build -c release --static-swift-stdlib

    Sign in without an e-mail address, write down a task and finish it:

        curl -X POST http://127.0.0.1:8080/v1/auth/anonymous
        curl -H "Authorization: Bearer ACCESS_TOKEN" -H "Content-Type: application/json" \
          -d '{"title": "Learn"}' http://127.0.0.1:8080/v1/tasks
        curl -H "Authorization: Bearer ACCESS_TOKEN" -H "Content-Type: application/json" \
          -H "Idempotency-Key: $(uuidgen)" -d '{"id": "TASK_ID"}' \
          http://127.0.0.1:8080/v1/actions/finishTask
        curl -H "Authorization: Bearer ACCESS_TOKEN" http://127.0.0.1:8080/v1/scores

    """#
}

extension Template {
  /// A small app: lists of tasks, each its owner's.
  static let tasks = Template(
    name: "tasks",
    schema: """
      # A small app: lists, and the tasks on them. Every type marked @collection is a table with a REST
      # route; @allow says who may do what, and what no rule allows is refused.

      enum Priority { LOW NORMAL HIGH }

      type TaskList @collection @allow(ops: [ALL], owner: "owner") {
        owner: User! @immutable
        name: String! @constraint(minLength: 1, maxLength: 80)
        tasks: [Task!]! @relation(inverse: "list")
      }

      type Task @collection @index(fields: ["owner", "due"]) @allow(ops: [ALL], owner: "owner") {
        owner: User! @immutable
        list: TaskList! @relation(inverse: "tasks", onDelete: CASCADE)
        title: String! @constraint(minLength: 1, maxLength: 200)
        due: DateTime
        done: Boolean! @default(value: "false")
        priority: Priority! @default(value: "NORMAL")
        tags: [String!]! @default(value: "[]") @merge(strategy: SET_UNION)
        minutes: Int! @default(value: "0") @merge(strategy: COUNTER) @constraint(min: 0)
      }

      """)
}

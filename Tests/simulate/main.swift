import Glibc
import Simulation

/// The command line: which seeds to run, and what to show of them.
struct Arguments {
    var seeds = 1_000
    var first: UInt64 = 1
    var isVerbose = false
    var sabotage: Sabotage.Kind?

    static let usage = """
        usage: simulate [--seeds N] [--first S] [--verbose] [--sabotage KIND]

        Runs a server engine against model clients on a simulated network, once for each of N seeds
        from S on (1000 seeds from 1), and checks what everybody sees. The first seed that fails is
        shown with all that happened; the exit status is then 1.

          --verbose        shows what happens with every seed
          --sabotage KIND  breaks something, to see that it is found: \(kinds)
        """

    private static let kinds = Sabotage.Kind.allCases.map(\.rawValue).joined(separator: ", ")

    /// Reads the command line, or ends the program.
    init(_ words: [String]) {
        var rest = words[...]
        while let option = rest.popFirst() {
            switch option {
            case "--seeds": seeds = Arguments.value(of: option, &rest) { Int($0) }
            case "--first": first = Arguments.value(of: option, &rest) { UInt64($0) }
            case "--sabotage":
                sabotage = Arguments.value(of: option, &rest) { Sabotage.Kind(rawValue: $0) }
            case "--verbose": isVerbose = true
            case "--help":
                print(Arguments.usage)
                exit(0)
            default: Arguments.fail("there is no option \(option)")
            }
        }
        if seeds < 1 { Arguments.fail("--seeds must be at least 1") }
    }

    private static func value<Value>(
        of option: String, _ rest: inout ArraySlice<String>, _ read: (String) -> Value?
    ) -> Value {
        guard let word = rest.popFirst() else { fail("\(option) needs a value") }
        guard let value = read(word) else { fail("\(option) cannot be \(word)") }
        return value
    }

    private static func fail(_ reason: String) -> Never {
        let text = "simulate: \(reason)\n\n\(usage)\n"
        write(STDERR_FILENO, text, text.utf8.count)
        exit(2)
    }
}

let arguments = Arguments(Array(CommandLine.arguments.dropFirst()))
var failures = 0
var steps = 0
var requests = 0
var messages = 0
var resumes = 0
var connections = 0

for index in 0..<arguments.seeds {
    let seed = arguments.first &+ UInt64(index)
    let report = Simulation.run(
        seed: seed, sabotage: arguments.sabotage, isRecording: arguments.isVerbose)
    steps += report.steps
    requests += report.requests
    messages += report.messages
    resumes += report.resumes
    connections += report.connections
    report.transcript.forEach { print($0) }
    if let violation = report.violation {
        failures += 1
        if failures == 1, !arguments.isVerbose {
            Simulation.run(seed: seed, sabotage: arguments.sabotage, isRecording: true)
                .transcript.forEach { print($0) }
        }
        print("seed \(seed) failed: \(violation.kind.rawValue): \(violation.text)")
    }
    if (index + 1) % 1_000 == 0, index + 1 < arguments.seeds { print("\(index + 1) seeds") }
}

print(
    """
    \(arguments.seeds) seeds, \(steps) steps, \(connections) connections, \(requests) requests, \
    \(messages) messages, \(resumes) resumes, \(failures) failures
    """)
exit(failures == 0 ? 0 : 1)

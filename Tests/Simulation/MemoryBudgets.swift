import Engine
import Link

/// Compares the memory that an engine can reach with what it has counted and with the limits. The
/// first two may differ by a quarter, and by some bytes for each object.
package enum MemoryBudgets {
    /// What is wrong; empty if nothing is. `outputs` are those that the driver has taken and not
    /// yet returned; `slack` is for the spare capacity of tables.
    package static func complaints(
        about engine: ServerEngine, outputs: [Output], slack: Int = 4_096
    ) -> [String] {
        let options = engine.options
        let counted = engine.statistics
        let held = Inventory(of: engine, outputs: outputs)
        var complaints: [String] = []
        func check(
            _ what: String, _ counted: UInt64, _ held: Int, _ limit: Int, each: Int,
            of count: UInt64
        ) {
            let counted = Int(counted)
            let slack = slack + each * Int(count)
            if held > counted + counted / 4 + slack || counted > held + held / 4 + slack {
                complaints.append("\(what): \(counted) bytes are counted and \(held) held")
            }
            if counted > limit { complaints.append("\(counted) bytes of \(what) of \(limit)") }
        }
        check(
            "requests", counted.requestBytes, held.requests, options.requestBytesMax, each: 200,
            of: counted.requests + counted.calls)
        check(
            "sessions", counted.sessionBytes, held.sessions, options.sessionBytesMax, each: 200,
            of: counted.sessions)
        check(
            "what arrives", counted.arrivingBytes, held.arriving, options.arrivingBytesMax,
            each: 200, of: counted.connections)
        check(
            "replay", counted.replayBytes, held.replay, options.replayTotalBytesMax, each: 200,
            of: counted.sessions)
        check(
            "what is unread", counted.unsentBytes, held.unsent, .max, each: 1_200,
            of: counted.connections)
        check(
            "all", counted.heldBytes, held.heldBytes + Int(counted.connections) * 700, .max,
            each: 600, of: counted.connections + counted.sessions + counted.requests)
        return complaints
    }
}

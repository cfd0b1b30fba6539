import Simulation
import Testing

/// A small number of the runs that `swift run -c release simulate` does by the thousand.
@Suite("Any order of events")
struct PropertyTests {
    @Test("Each request is answered once or given up aloud, and nothing stays", arguments: 1...60)
    func anyOrder(_ seed: UInt64) {
        let violation = Simulation.run(seed: seed).violation
        #expect(violation == nil, "swift run simulate --seeds 1 --first \(seed)")
    }

    @Test(
        "Each injected fault is found, and reported as its kind",
        arguments: Sabotage.Kind.allCases)
    func sabotage(_ kind: Sabotage.Kind) {
        let violation = (1...20).lazy.compactMap { seed in
            Simulation.run(seed: seed, sabotage: kind).violation
        }.first
        #expect(violation?.kind.rawValue == kind.rawValue)
    }
}

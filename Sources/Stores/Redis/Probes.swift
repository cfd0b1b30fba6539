import StoreShared

/// Whether the owners of sessions are alive, and the searches that wait for that.
///
/// A node is dead if its key has expired, or if it has had no subscriber for a while: who was
/// killed has none at once, but who only connects again has none for a moment. When Redis itself
/// was away, every node connects again, and may be late with its key: nobody is dead before
/// `graceEnd`.
struct Probes {
    private struct Probe {
        let owner: NodeName
        let start: Int64
        /// When Redis is asked again; `never` while it is asked.
        var next: Int64
        var pollCount = 0
        /// Nil until Redis has said it since it was asked last: in a cluster the key may move.
        var hasKey: Bool?
        var searches: [Order] = []
    }

    private struct Verdict {
        let owner: NodeName
        let isAlive: Bool
        let end: Int64
    }

    private var probes: [Probe] = []
    private var verdicts: [Verdict] = []

    private static let never = Int64.max
    /// When a node without a subscriber is looked at again, and the time after which it is dead.
    private static let pauses: [Int64] = [250, 250, 500]
    private static let deadMs: Int64 = 1_000
    /// In a cluster a node may have to find where to subscribe first.
    private static let deadInClusterMs: Int64 = 4_000
    /// How long a verdict is believed.
    private static let aliveVerdictMs: Int64 = 300
    private static let deadVerdictMs: Int64 = 1_000
    /// The most searches that wait. More of them fail.
    private static let searchesMax = 16_384
    private static let verdictsMax = 1_024
    private var searchCount = 0

    /// When a node is to be looked at.
    var nextTime: Int64 { probes.reduce(Probes.never) { min($0, $1.next) } }

    /// Whether a node is alive; nil if that must be found out.
    func verdict(on owner: NodeName, at now: Int64) -> Bool? {
        for verdict in verdicts where verdict.owner == owner && now < verdict.end {
            return verdict.isAlive
        }
        return nil
    }

    /// Has a search wait for the verdict on the owner. False: there are too many.
    mutating func wait(_ search: Order, for owner: NodeName, at now: Int64) -> Bool {
        guard searchCount < Probes.searchesMax else { return false }
        searchCount += 1
        if let index = index(of: owner) {
            probes[index].searches.append(search)
        } else {
            probes.append(Probe(owner: owner, start: now, next: now, searches: [search]))
        }
        return true
    }

    /// Looks at a node for which nobody waits here; others may, for what it has been asked.
    mutating func watch(_ node: NodeName, at now: Int64) {
        if index(of: node) == nil { probes.append(Probe(owner: node, start: now, next: now)) }
    }

    /// The owners that are to be looked at now.
    mutating func takeDue(at now: Int64) -> [NodeName] {
        var due: [NodeName] = []
        for index in probes.indices where probes[index].next <= now {
            probes[index].next = Probes.never
            probes[index].hasKey = nil
            due.append(probes[index].owner)
        }
        return due
    }

    /// Redis has said whether the node's key is there.
    mutating func note(_ owner: NodeName, hasKey: Bool) {
        if let index = index(of: owner) { probes[index].hasKey = hasKey }
    }

    /// Redis has said, after that, how many subscribers the node has. Returns the verdict, if there
    /// is one now; then the caller gets the searches.
    mutating func note(
        _ owner: NodeName, subscribers: Int64, inCluster: Bool, at now: Int64, graceEnd: Int64,
        _ searches: inout [Order]
    ) -> Bool? {
        guard let index = index(of: owner) else { return nil }
        let probe = probes[index]
        let isAlive = probe.hasKey == true && subscribers > 0
        let deadMs = inCluster ? Probes.deadInClusterMs : Probes.deadMs
        let isDead =
            !isAlive && now >= graceEnd
            && (probe.hasKey == false || probe.hasKey == true && now - probe.start >= deadMs)
        guard isAlive || isDead else {
            let pause = Probes.pauses[min(probe.pollCount, Probes.pauses.count - 1)]
            probes[index].pollCount += 1
            probes[index].next = now + pause
            return nil
        }
        searches = probe.searches
        searchCount -= searches.count
        probes.remove(at: index)
        verdicts.removeAll { $0.owner == owner || $0.end <= now }
        if verdicts.count < Probes.verdictsMax {
            let time = isAlive ? Probes.aliveVerdictMs : Probes.deadVerdictMs
            verdicts.append(Verdict(owner: owner, isAlive: isAlive, end: now + time))
        }
        return isAlive
    }

    /// Ends all, and returns the searches.
    mutating func removeAll() -> [Order] {
        var searches: [Order] = []
        for probe in probes { searches += probe.searches }
        probes.removeAll()
        verdicts.removeAll()
        searchCount = 0
        return searches
    }

    private func index(of owner: NodeName) -> Int? {
        probes.firstIndex { $0.owner == owner }
    }
}

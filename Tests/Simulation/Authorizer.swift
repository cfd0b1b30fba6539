import Engine
import Link
import Session
import Wire

/// The part of the host that authorizes requests: at once, later, or never.
final class Authorizer {
    private unowned let simulation: Simulation
    private unowned let node: Node
    /// The tags of requests that are not over. A request's tag is one more than its grant.
    private(set) var tags: Set<UInt64> = []

    init(_ simulation: Simulation, _ node: Node) {
        self.simulation = simulation
        self.node = node
    }

    private func number(_ bound: Int) -> Int { simulation.random.number(bound) }

    func heard(_ event: HostEvent) {
        let credentials = event.credentials.map { String(decoding: $0.value, as: UTF8.self) }
        guard let key = event.authorization, let grant = credentials.flatMap({ Int($0) }),
            simulation.ledger.grants.indices.contains(grant)
        else { return simulation.violate(.misconduct, "credentials that nobody has") }
        let known = simulation.ledger.authorizing(grant)
        guard simulation.isBusy else {
            return decide(key, grant, known ?? .allowed(for: nil))
        }
        let verdict = known ?? chooseVerdict()
        switch number(20) {
        case 0...12: decide(key, grant, verdict)
        case 13...18:
            let pause = [0, 1, 20, 300, 2_000][number(5)]
            node.after(Int64(pause)) { [self] in
                decide(key, grant, simulation.ledger.verdict(of: grant) ?? verdict)
            }
        default:
            if !simulation.isRough { decide(key, grant, verdict) }
        }
    }

    /// An event has the tag of a request that is not over, and was made by the same principal.
    func check(_ event: HostEvent) {
        guard let tag = event.principal?.tag, tag != 0, event.kind != .access else { return }
        guard tags.contains(tag) else {
            return simulation.violate(.leak, "\(event.kind) has the tag of a request that is over")
        }
        let principal = simulation.ledger.grants[Int(tag) - 1].principal
        if Host.name(event.principal) != principal {
            simulation.violate(.leak, "\(event.kind) has the tag of another principal")
        }
    }

    func processEnded() { tags = [] }

    func released(_ event: HostEvent) {
        tags.remove(event.principal?.tag ?? 0)
    }

    private func chooseVerdict() -> Ledger.Verdict {
        switch number(20) {
        case 0: .refused(401)
        case 1: .refused(403)
        case 2...8: .allowed(for: [50, 1_000, 5_000][number(3)])
        default: .allowed(for: nil)
        }
    }

    /// Passes the verdict to the engine, unless the client has disconnected or waited too long.
    private func decide(_ key: AuthorizationKey, _ grant: Int, _ verdict: Ledger.Verdict) {
        simulation.note("host  → authorize \(grant) \(verdict)")
        guard tell(key, grant, verdict) else { return node.driver.pump() }
        simulation.ledger.authorized(grant, verdict)
        if tell(key, grant, .allowed(for: nil)) {
            simulation.violate(.duplication, "a request was allowed twice")
        }
        node.driver.pump()
    }

    private func tell(_ key: AuthorizationKey, _ grant: Int, _ verdict: Ledger.Verdict) -> Bool {
        let tag = grant % 4 == 0 ? 0 : UInt64(grant) + 1
        let name = Array(simulation.ledger.grants[grant].principal.utf8)
        guard let principal = name.withUnsafeBytes({ Principal($0, tag: tag) }) else {
            return false
        }
        do throws(CallerFault) {
            switch verdict {
            case .allowed(let time):
                try node.engine.allow(key, principal, expiresIn: time)
                if tag != 0 { tags.insert(tag) }
            case .refused(401): try node.engine.refuse(key, Challenge(.invalidToken))
            case .refused: try node.engine.refuse(key, Challenge(.insufficientScope))
            case .open: return false
            }
            return true
        } catch {
            return false
        }
    }
}

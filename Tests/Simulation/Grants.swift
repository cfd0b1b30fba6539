import Engine
import Wire

/// The authorization part of the ledger: each request of a client has its own credentials.
extension Ledger {
    enum Verdict {
        /// The host has not decided, or too late.
        case open
        /// For a number of milliseconds; nil is for ever.
        case allowed(for: Int64?)
        /// With an HTTP status.
        case refused(Int)
    }

    struct Grant {
        let principal: String
        /// When the host was asked.
        var asked: Int64?
        var verdict = Verdict.open
        /// When the host decided.
        var decided: Int64 = 0
    }

    /// The credentials for a client's next request; nil if it needs none.
    func grant(to principal: String?) -> Int? {
        guard let principal else { return nil }
        grants.append(Grant(principal: principal))
        return grants.count - 1
    }

    /// A host is asked.
    func authorizing(_ grant: Int) -> Verdict? {
        // A request that was passed on may come back.
        let isFirst = grants[grant].asked == nil || simulation.profile.hasNodes
        expect(isFirst, .duplication, "the host was asked twice for \(grant)")
        grants[grant].asked = simulation.now
        return verdict(of: grant)
    }

    /// What the host says now, if that of any node has decided: all think the same.
    func verdict(of grant: Int) -> Verdict? {
        switch grants[grant].verdict {
        case .open: return nil
        case .refused: return grants[grant].verdict
        case .allowed(let time):
            let end = time.map { grants[grant].decided + $0 }
            return .allowed(for: end.map { max(1, $0 - simulation.now) })
        }
    }

    func authorized(_ grant: Int, _ verdict: Verdict) {
        grants[grant].verdict = verdict
        grants[grant].decided = simulation.now
    }

    /// When the authorization of a request expires.
    func expiry(of grant: Int?) -> Int64? {
        guard let grant, case .allowed(let time?) = grants[grant].verdict else { return nil }
        return grants[grant].decided + time
    }

    /// Whether a response refuses its request for lack of authorization. Unless the host has
    /// allowed the request, no other response may arrive.
    func isDenied(_ grant: Int?, _ status: Int) -> Bool {
        let isChallenge = status == 401 || status == 403
        guard let grant else {
            expect(!isChallenge, .misconduct, "\(status) for want of what nobody asks for")
            return isChallenge
        }
        switch grants[grant].verdict {
        case .refused(let given):
            expect(status == given, .leak, "\(status) to a request that was refused")
            return true
        case .open:
            let wait = simulation.profile.options.authorizationWait ?? .max
            let isLate = grants[grant].asked.map { simulation.now - $0 >= wait } ?? false
            expect(
                status == 408 || status == 503 && isLate, .leak,
                "\(status) to a request that nobody has allowed")
            return status == 503
        case .allowed:
            expect(!isChallenge, .misconduct, "\(status) to a request that was allowed")
            return isChallenge
        }
    }

    /// A request was refused for lack of authorization, so the host must not have received it.
    func denied(_ number: Int) {
        expect(tickets[number].outcome == nil, .duplication, "request \(number) was denied late")
        expect(!tickets[number].isGiven, .leak, "the host was given request \(number), denied")
        settled(number, .refused)
    }

    func denied(note: Int) {
        expect(!notes[note].isHeard, .leak, "the host heard notification \(note), denied")
    }
}

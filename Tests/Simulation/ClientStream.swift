/// A client's view of one stream, across the connections that carry it.
final class ClientStream {
    enum Channel: Hashable, CustomStringConvertible {
        /// By the number of its request's ticket.
        case request(Int)
        /// By the number of its session.
        case primary(Int)

        var description: String {
            switch self {
            case .request(let ticket): "request \(ticket)"
            case .primary(let session): "session \(session)"
            }
        }
    }

    /// The position that an event's id denotes.
    private struct Place {
        let token: String
        let sequence: Int

        /// Parses the parts before and after the last dot.
        init?(_ id: String) {
            guard let dot = id.utf8.lastIndex(of: UInt8(ascii: ".")),
                let sequence = Int(id[id.index(after: dot)...])
            else { return nil }
            token = String(id[..<dot])
            self.sequence = sequence
        }
    }

    private(set) var channel: Channel
    private(set) var session: ClientSession?
    /// The last id that the client has received.
    private(set) var lastID: String?
    private var first = 0
    private var last: Place?
    /// The tokens that it has had. A primary stream has one for each process.
    private var tokens: Set<String> = []
    private var count = 0
    /// The numbers of the last messages of each process, and at 0 of the last that was not for all.
    var lastNumbers: [Int: Int] = [:]
    var hasAnswer = false
    var retry: Int64?
    /// Whether the client has resumed it, and whether it began afresh then.
    var isBack = false
    private(set) var isFresh = false
    /// When the authorization of its connection expires.
    private(set) var expiry: Int64?
    /// When its connection began to carry it.
    private(set) var beginning: Int64?
    /// When the host sent the first message that arrived on its connection.
    var firstTime: Int64?

    init(_ channel: Channel, _ session: ClientSession?) {
        self.channel = channel
        self.session = session
    }

    /// In the oldest transport, a stream is there before its session.
    func belongs(to session: ClientSession) {
        channel = .primary(session.number)
        self.session = session
    }

    /// The ticket of the request whose stream it is; nil for a primary.
    var ticket: Int? {
        if case .request(let ticket) = channel { ticket } else { nil }
    }

    /// How many events are missing between the first and the last.
    var missing: Int { last.map { $0.sequence - first - count } ?? 0 }

    /// A connection carries it from now on, until its authorization expires.
    func began(until expiry: Int64?, at time: Int64) {
        beginning = time
        isFresh = false
        self.expiry = expiry
        firstTime = nil
    }

    /// The events that the client has missed are gone: it continues at another position.
    func beganAfresh() {
        last = nil
        count = 0
        isFresh = true
    }

    /// It goes on with the events of a later process.
    private func goesOn() {
        last = nil
        count = 0
    }

    func primed(_ id: String) -> Violation? {
        guard last == nil else {
            return Violation(kind: .misconduct, text: "a stream that has begun was primed")
        }
        guard let place = Place(id) else { return nil }
        first = place.sequence
        last = place
        lastID = id
        return nil
    }

    /// Checks that an event's id belongs to this stream.
    func isNamed(by id: String, _ ledger: Ledger) -> Violation? {
        guard let place = Place(id) else { return Violation(kind: .misconduct, text: "id \(id)") }
        ledger.sawToken(place.token, on: channel)
        if let last, last.token != place.token {
            guard ticket == nil, isBack, ledger.simulation.profile.hasSessionStore else {
                return Violation(kind: .leak, text: "an event of another stream")
            }
            guard !tokens.contains(place.token) else {
                return Violation(kind: .reordering, text: "an event of an earlier process")
            }
            goesOn()
        }
        tokens.insert(place.token)
        return nil
    }

    /// An event: the next one of the stream, perhaps after a gap that is still to be filled.
    func received(_ id: String) -> Violation? {
        guard let place = Place(id) else { return nil }
        if let last, place.sequence <= last.sequence {
            return Violation(
                kind: .reordering, text: "event \(place.sequence) came behind \(last.sequence)")
        }
        // A request's stream begins with 1; in a primary, the first event may have any number.
        if last == nil { first = ticket == nil ? place.sequence - 1 : 0 }
        last = place
        lastID = id
        count += 1
        return nil
    }
}

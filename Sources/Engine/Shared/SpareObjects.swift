import Link
import Session
import Wire

/// The engine's own objects that have been used and may be used again, a few of each.
struct SpareObjects: ~Copyable {
    private var events = Shelf<HostEvent>(capacity: countMax)
    private var requests = Shelf<OpenRequest>(capacity: countMax)

    private static var countMax: Int { 64 }

    @inline(__always)
    mutating func takeEvent() -> HostEvent? { events.take() }
    @inline(__always)
    mutating func takeRequest() -> OpenRequest? { requests.take() }

    /// Recycles a request that has ended, unless it is referenced elsewhere.
    mutating func giveIfUnused(_ request: inout OpenRequest) {
        guard !requests.isFull, isKnownUniquelyReferenced(&request) else { return }
        request.end()
        requests.give(request)
    }

    /// Recycles an event that the host has handled, with the head and the message, which a host
    /// with a queue may keep for longer than their request is open.
    @_optimize(speed)
    mutating func give(_ event: HostEvent, _ spare: inout Spare) {
        var head = event.takeHead()
        spare.giveIfUnused(&head)
        if let message = event.end() { spare.give(message) }
        events.give(event)
    }
}

#if !hasFeature(Embedded)
    extension SpareObjects {
        /// How the objects on top of each shelf differ from new ones, field by field.
        var differencesFromNew: [String] {
            differences(events.top, HostEvent(.closed), "event")
                + differences(requests.top, OpenRequest(), "request")
        }

        /// Compares what the fields show of themselves: whoever adds a field need not name it here.
        private func differences<Thing>(
            _ used: Thing?, _ new: Thing, _ what: String
        ) -> [String] {
            guard let used else { return [] }
            let pairs = zip(Mirror(reflecting: used).children, Mirror(reflecting: new).children)
            return pairs.compactMap { used, new in
                let name = used.label ?? ""
                let (left, right) = (String(reflecting: used.value), String(reflecting: new.value))
                return left == right ? nil : "a spare \(what)'s \(name) is \(left), not \(right)"
            }
        }
    }

    extension SpareObjects {
        mutating func sabotageEvent() {
            let used = HostEvent(.closed)
            used.call = CallKey(rawValue: 1)
            _ = events.take()
            events.give(used)
        }

        mutating func sabotageRequest() {
            let used = OpenRequest()
            used.begin(StreamToken(high: 0, low: 0))
            _ = requests.take()
            requests.give(used)
        }
    }
#endif

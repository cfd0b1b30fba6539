#if !hasFeature(Embedded)
    extension ServerEngine {
        func check(
            _ exchange: HostedExchange, of connection: ServerConnection, _ audit: inout Audit
        ) {
            let isRead = connection.outbox.isDrained
            if isRead, connections.currentWait(of: connection) != nil {
                audit.fail(.timer, "a client that has read everything is timed")
            }
            guard !isRead, exchange.stream != nil, options.bodyArrival != nil else { return }
            if connections.currentWait(of: connection) == nil {
                audit.fail(.timer, "nobody notices a client that does not read an answer")
            }
        }

        /// The memory of all hosted exchanges.
        func checkHosted(_ connections: [ServerConnection], _ audit: inout Audit) -> Int {
            let exchanges = connections.compactMap(\.hosted)
            audit.expect(.exchange, hosted.count, exchanges.count)
            return exchanges.reduce(0) { $0 + $1.heldBytes }
        }
    }

    extension ServerConnection {
        /// The request for another path that it carries.
        var hosted: HostedExchange? {
            if case .hosted(let exchange) = exchange.state { exchange } else { nil }
        }
    }

    /// Collects what does not hold.
    struct Audit {
        private(set) var broken: [BrokenInvariant] = []

        mutating func fail(_ invariant: Invariant, _ detail: String) {
            broken.append(BrokenInvariant(invariant: invariant, detail: detail))
        }

        mutating func expect<Number: Equatable>(
            _ invariant: Invariant, _ actual: Number, _ expected: Number
        ) {
            if actual != expected { fail(invariant, "\(actual), but \(expected) are there") }
        }
    }
#endif

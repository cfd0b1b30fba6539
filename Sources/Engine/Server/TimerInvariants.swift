#if !hasFeature(Embedded)
    extension ServerEngine {
        /// A connection's timer is one that its exchange needs.
        func checkTimer(of connection: ServerConnection, _ audit: inout Audit) {
            let wait = connections.currentWait(of: connection)
            let mayWait: [Connections.Wait?]
            switch connection.exchange.state {
            case _ where connection.resumption != nil: mayWait = [.load]
            case .idle:
                mayWait = [.nextRequest, options.connectionIdle == nil ? nil : .nextRequest]
            case .receiving, .receivingOther, .refused:
                mayWait = [
                    .head, .body,
                    options.headArrival == nil || options.bodyArrival == nil ? nil : .head,
                ]
            case .authorizing: mayWait = [options.authorizationWait == nil ? nil : .authorization]
            case .request(let request)
            where request.isInitialize || !request.policy.mayStream:
                mayWait = [nil]
            case .request(let request):
                let isEarly =
                    !request.isStreaming && request.policy.beginsEarly
                    && options.responseHead != nil
                mayWait = [
                    isEarly ? .responseHead : options.keepAlive == nil ? nil : .keepAlive
                ]
            case .primary, .listening: mayWait = [options.keepAlive == nil ? nil : .keepAlive]
            case .loading, .seeking: mayWait = [.load]
            case .hosted: mayWait = [nil, .drain]
            case .relayed(let relayed) where relayed.isStream && relayed.hasResponse:
                mayWait = [options.keepAlive == nil ? nil : .keepAlive]
            case .relayed: mayWait = [nil]
            case .finishing: mayWait = [.drain, .hangUp, options.bodyArrival == nil ? nil : .drain]
            case .lingering: mayWait = [.hangUp]
            case .closed: mayWait = [nil]
            }
            if !mayWait.contains(wait) {
                audit.fail(
                    .timer, "\(connection.exchange.state) waits for \(String(describing: wait))")
            }
        }
    }
#endif

import StoreShared

/// What a store does when it is time: a try to connect, a sign of life, a look at other nodes.
extension Store {
    func step(_ link: Link, at now: Int64) {
        do throws(LinkFault) {
            if link.isReady {
                try link.beginTurn(at: now)
                for node in peers.names { probes.watch(node, at: now) }
                queue.insert(Order(.refresh))
                guard link.isCluster else { return }
                for place in link.commands.indices { queue.insert(Order(.ping, place: place)) }
            } else if link.isWaiting {
                try beginTry(link, at: now)
            } else {
                throw .isSilent
            }
        } catch {
            lose(error, at: now)
        }
    }

    private func beginTry(_ link: Link, at now: Int64) throws(LinkFault) {
        guard let (host, port) = link.beginTry(at: now) else { return try link.connectNext() }
        guard let loop, let resolver, !resolver.isSearching else { return }
        let result = resolver.find(host, port, on: loop)
        if result != 0 { throw .hasNoAddress(result) }
    }

    func resolved(_ addresses: [Address], _ status: Int32) {
        guard !isIdle, let link, !link.isWaiting else { return }
        do throws(LinkFault) {
            guard status == 0 || link.knowsServers else { throw .hasNoAddress(status) }
            link.resolved(addresses)
            try link.connectNext()
        } catch {
            lose(error, at: MonotonicClock.now)
        }
        armNext()
    }

    /// Asks whether owners are alive.
    func look(at now: Int64) {
        for owner in probes.takeDue(at: now) {
            append(Order(.probeKey, node: owner))
            append(Order(.probeChannel, node: owner))
        }
    }
}

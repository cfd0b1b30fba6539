import Engine
import Synchronization
import Wire

/// Servers that share their connections: several endpoints at one address.
extension ServerRuntime {
    /// Serves the endpoint of another server on the connections of this one, and the other way
    /// round. False if either is mounted already, or their endpoints are the same. Any thread.
    package func mount(_ other: ServerRuntime) throws(CallerFault) -> Bool {
        guard !isOver, !other.isOver else { throw .closed }
        guard other !== self, !isMounted.load(ordering: .acquiring), other.endpoints.isEmpty,
            !engine.serves(endpointOf: other.engine), !other.engine.serves(endpointOf: engine),
            !other.isMounted.exchange(true, ordering: .acquiringAndReleasing)
        else { return false }
        enlist(in: endpoints)
        other.enlist(in: endpoints)
        return true
    }

    private func enlist(in endpoints: Endpoints) {
        endpoints.add(self)
        joined.withLock { $0 = endpoints }
        pump.post(.join(endpoints))
    }

    func join(_ endpoints: Endpoints) {
        guard !isOver else { return }
        engine.isElsewhere = { [unowned(unsafe) self] path in
            !loop.isInherited && endpoints.hasOther(than: self, at: path)
        }
    }

    func leaveOthers() {
        engine.isElsewhere = nil
        joined.withLock { $0 }?.remove(self)
    }
}

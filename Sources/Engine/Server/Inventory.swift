import Link
import Replay
import Session
import Wire

/// The heap memory that the engine holds, by purpose. It is measured from the objects, not taken
/// from the engine's counters: tests compare the counters and the bounds with it.
package struct Inventory {
    package var connections = 0
    package var arriving = 0
    package var requests = 0
    package var sessions = 0
    package var unsent = 0
    package var replay = 0
    package var tables = 0

    package var heldBytes: Int {
        connections + arriving + requests + sessions + unsent + replay + tables
    }

    /// The buffers already counted, by kind: one that several objects refer to counts once.
    private var waiting: Set<ObjectIdentifier> = []
    private var kept: Set<ObjectIdentifier> = []
    private var posted: Set<ObjectIdentifier> = []

    /// `outputs` are those that the driver has taken and not yet returned.
    package init(of engine: ServerEngine, outputs: [Output]) {
        for connection in engine.connections.all { add(connection) }
        for output in outputs {
            output.forEachBuffer { buffer in unsent += Inventory.bytes(of: buffer, &waiting) }
        }
        for request in engine.requests.all { add(request) }
        for session in engine.sessions.all {
            add(session, engine.sessions.log(of: session))
        }
        requests += engine.requests.callCount * OpenCall.heldBytes
        for request in engine.continuations.all {
            guard let trip = request.trip else { continue }
            requests += HeapBlock.size(of: trip) + HeapBlock.size(of: trip.asks)
            requests += HeapBlock.size(of: trip.kept)
            for text in trip.texts { requests += text.heapBytes }
        }
        for listener in engine.listeners.all {
            requests += HeapBlock.size(of: listener) + listener.resources.heapBytes
        }
        requests += engine.watched.leftHeapBytes.ofListeners
        sessions += engine.watched.leftHeapBytes.ofSessions
        tables = engine.tableBytes
    }

    private mutating func add(_ connection: ServerConnection) {
        connections += HeapBlock.size(of: connection)
        requests += connection.exchange.batch?.heapBytes ?? 0
        if case .hosted(let exchange) = connection.exchange.state {
            requests += HeapBlock.size(of: exchange) + (connection.head?.heapBytes ?? 0)
        }
        if let relayed = connection.exchange.relayed {
            requests += HeapBlock.size(of: relayed) + (relayed.body?.heapBytes ?? 0)
            requests += connection.head?.heapBytes ?? 0
        }
        if let origin = connection.origin {
            connections += HeapBlock.size(of: origin)
            origin.pending?.forEachBuffer { unsent += Inventory.bytes(of: $0, &self.waiting) }
        }
        connections += connection.exchange.crossOriginBytes + connection.peerBytes
        connections += connection.fence.heapBytes
        if let access = connection.access?.heapBytes {
            connections += access.own
            unsent += access.waiting
        }
        connections += connection.reader.heapBytes.own
        arriving += connection.reader.heapBytes.arriving
        var bytes = 0
        var waiting = self.waiting
        let arrays = connection.outbox.forEachBuffer {
            bytes += Inventory.bytes(of: $0, &waiting)
        } waiting: {
            bytes += Inventory.bytes(of: $0, &waiting)
        }
        self.waiting = waiting
        connections += arrays.own
        unsent += bytes + arrays.pieces + arrays.backlog
        if let resumption = connection.resumption {
            unsent += HeapBlock.size(of: resumption) + (resumption.end?.heapBytes ?? 0)
        }
    }

    private mutating func add(_ request: OpenRequest) {
        requests += HeapBlock.size(of: request) + HeapBlock.size(of: request.calls)
        requests += HeapBlock.size(of: request.fence.barriers)
        requests += request.progressToken?.heapBytes ?? 0
        requests += request.head?.heapBytes ?? 0
    }

    private mutating func add(_ session: ServerSession, _ log: EventLog?) {
        var kept = self.kept
        var posted = self.posted
        sessions += HeapBlock.size(of: session) + session.ledger.entries.heapBytes
        sessions += session.clientInfo.heapBytes + session.clientCapabilities.heapBytes
        sessions += session.subscriptions.heapBytes
        sessions += HeapBlock.size(of: session.held.requests)
        sessions += session.mailbox.heapBytes { text in
            sessions += Inventory.bytes(of: text, &posted)
        }
        for request in session.held.requests {
            unsent += HeapBlock.size(of: request) + HeapBlock.size(of: request.fence.barriers)
            unsent += request.fence.answer?.heapBytes ?? 0
            unsent += request.head?.heapBytes ?? 0
            unsent += request.progressToken?.heapBytes ?? 0
        }
        if let log {
            sessions += log.ownHeapBytes
            replay += log.heapBytes { text in replay += Inventory.bytes(of: text, &kept) }
        }
        self.kept = kept
        self.posted = posted
    }

    private static func bytes(of buffer: ByteBuffer, _ met: inout Set<ObjectIdentifier>) -> Int {
        met.insert(ObjectIdentifier(buffer)).inserted ? buffer.heapBytes : 0
    }
}

import CLibc
import Engine
import Wire

/// A connected socket on its way to a server, with what was read from it.
///
/// If it does not arrive, because the server closes, it is closed.
package final class GivenSocket {
    fileprivate(set) var descriptor: Int32
    let bytes: ByteBuffer?
    /// From where the server that gives it can be reached; nil if it is the host.
    let reach: Reach?

    init(_ descriptor: Int32, with bytes: ByteBuffer? = nil, from reach: Reach? = nil) {
        self.descriptor = descriptor
        self.bytes = bytes
        self.reach = reach
    }

    deinit {
        guard descriptor >= 0 else { return }
        shutdown(descriptor, Int32(SHUT_RDWR))
        CLibc.close(descriptor)
    }

    /// The caller owns the descriptor from now on.
    func take() -> Int32 {
        defer { descriptor = -1 }
        return descriptor
    }
}

/// Servers, each with an endpoint of its own, that share the connections which one of them accepts.
///
/// They may be on different loops, so a lock protects the list. A server is in it until it closes.
package final class Endpoints {
    private let servers = Locked<[ServerRuntime]>([])

    var isEmpty: Bool { servers.withLock { $0.isEmpty } }

    func add(_ server: ServerRuntime) {
        servers.withLock { servers in
            if !servers.contains(where: { $0 === server }) { servers.append(server) }
        }
    }

    func remove(_ server: ServerRuntime) {
        servers.withLock { $0.removeAll { $0 === server } }
    }

    /// Whether another server than `server` has an endpoint at `path`.
    func hasOther(than server: ServerRuntime, at path: UnsafeRawBufferPointer) -> Bool {
        servers.withLock { $0.contains { $0 !== server && $0.engine.serves(path) } }
    }

    /// Gives a socket to the server at `path`. It is closed if that has too many commands queued.
    func pass(_ socket: GivenSocket, to path: ByteBuffer) {
        withExtendedLifetime(path) {
            servers.withLock { servers in
                // Under the lock: a server that closes afterwards gets it, and closes it.
                try? servers.first { $0.engine.serves(path.bytes) }?.queue(socket)
            }
        }
    }
}

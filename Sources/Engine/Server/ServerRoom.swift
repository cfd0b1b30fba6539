import Session
import Wire

/// Keeps sessions and open requests within their limits, and each address and principal within its
/// share of them.
extension ServerEngine {
    /// Makes space for a session of `bytes` bytes: evicts sessions that nobody has used, the
    /// longest idle first. False if that is not enough.
    func makeRoom(
        forSession bytes: Int, in shares: Shares, on connection: ServerConnection
    ) -> Bool {
        let hasRoom = makeRoom(
            in: shares, of: "sessions_max and session_bytes_max", on: connection
        ) { share, part in
            let isFull = share.map { $0.sessions >= part(options.sessionsMax) } ?? sessions.isFull
            return isFull
                || (share?.sessionBytes ?? sessions.heldBytes) + bytes
                    > part(options.sessionBytesMax)
        } evict: { share in
            guard let session = sessions.idlest(of: share) else { return false }
            core.counters.sessionsEvicted += 1
            log(
                .notice, "A session that nobody has used makes room for another one", on: nil,
                of: session)
            end(session, because: "Session ended", .limit)
            return true
        }
        if !hasRoom {
            log(
                .warning, "Sessions that are used take all room (sessions_max, session_bytes_max)",
                on: connection)
        }
        return hasRoom
    }

    /// Makes space for a request of `bytes` bytes: gives up requests whose clients have
    /// disconnected, the earliest first. False if that is not enough.
    @inline(__always)
    func makeRoom(
        forRequest bytes: Int, in shares: @autoclosure () -> Shares,
        on connection: ServerConnection?
    ) -> Bool {
        // Below this total, no share can be full.
        let least = min(options.addressSharePercent, options.principalSharePercent, 100)
        let wanted = requests.heldBytes + bytes
        let isWanting = wanted > options.requestBytesMax / 100 * least
        return !isWanting || findRoom(forRequest: bytes, in: shares(), on: connection)
    }

    @inline(never)
    private func findRoom(
        forRequest bytes: Int, in shares: Shares, on connection: ServerConnection?
    ) -> Bool {
        makeRoom(in: shares, of: "request_bytes_max", on: connection) { share, part in
            (share?.requestBytes ?? requests.heldBytes) + bytes
                > part(options.requestBytesMax)
        } evict: { share in
            guard let request = requests.firstDetached(of: share) else { return false }
            log(
                .notice, "A request whose client has gone makes room for another one",
                about: request)
            giveUp(request)
            return true
        }
    }

    /// Whether there is space for `bytes` more bytes of a session. Nothing is evicted.
    func hasRoom(for bytes: Int, of session: ServerSession) -> Bool {
        makeRoom(in: session.shares, of: "session_bytes_max", on: nil) { share, part in
            (share?.sessionBytes ?? sessions.heldBytes) + bytes
                > part(options.sessionBytesMax)
        } evict: { _ in
            false
        }
    }

    /// Evicts until neither a share nor the total is full; for a full share, only what counts in
    /// it. `isFull` gets the share, nil for the total, and a function that returns the part of a
    /// limit that may be used. `bounds` names the options, for the log.
    private func makeRoom(
        in shares: Shares, of bounds: StaticString, on connection: ServerConnection?,
        isFull: (_ share: Share?, _ part: (Int) -> Int) -> Bool,
        evict: (_ share: Share?) -> Bool
    ) -> Bool {
        while let share = shares.address, isFull(share, { options.addressShare(of: $0) }) {
            guard evict(share) else {
                log(
                    .warning, "An address has its share (address_share_percent) of ",
                    bounds.rawBytes, on: connection)
                return false
            }
        }
        while let share = shares.principal, isFull(share, { options.principalShare(of: $0) }) {
            guard evict(share) else {
                log(
                    .warning, "A principal has its share (principal_share_percent) of ",
                    bounds.rawBytes, on: connection)
                return false
            }
        }
        while isFull(nil, { $0 }) {
            guard evict(nil) else { return false }
        }
        return true
    }
}

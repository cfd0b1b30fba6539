import Link
import Wire

/// The usage of one peer address or one principal, which is limited to a share of the server's
/// limits.
package final class Share {
    package var connections = 0
    package var sessions = 0
    package var sessionBytes = 0
    package var requestBytes = 0
    package var replayBytes = 0
    /// Sessions that may be closed to make room for others, and requests that may be cancelled.
    package var idleSessions = 0
    package var detachedRequests = 0
    package var listeners = 0
    /// Requests that wait for their clients to come back with input.
    package var parkedRequests = 0
    /// Scratch for sums over connections: 0 outside of them.
    package var sum = 0

    fileprivate enum Owner {
        case address(PeerAddress)
        case principal([UInt8])
    }

    fileprivate let owner: Owner?

    package init() {
        owner = nil
    }

    fileprivate init(of owner: Owner) {
        self.owner = owner
    }

    package var isEmpty: Bool { connections + sessions + requestBytes + listeners == 0 }
}

/// The shares in which a session and its objects count.
package struct Shares {
    package let address: Share?
    package let principal: Share?

    package init(address: Share?, principal: Share?) {
        self.address = address
        self.principal = principal
    }

    package func include(_ share: Share) -> Bool { address === share || principal === share }

    package func forEach(_ body: (Share) -> Void) {
        if let address { body(address) }
        if let principal { body(principal) }
    }
}

/// A client's address: the 128 bits of an IPv6 address, or of an IPv4-mapped one. A network with
/// IPv6 has a whole 64-bit prefix of addresses, so only the first 64 bits count (RFC 4291 §2.5.4).
package struct PeerAddress: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    package init(ipv4 address: UInt32) {
        high = 0
        low = 0xFFFF_0000_0000 | UInt64(address)
    }

    package init(ipv6 high: UInt64, _ low: UInt64) {
        let isMapped = high == 0 && low >> 32 == 0xFFFF
        self.high = high
        self.low = isMapped ? low : 0
    }
}

/// The shares by address and by principal. Empty shares are removed.
package struct ShareTable {
    private var addresses: [PeerAddress: Share] = [:]
    private var principals: [[UInt8]: Share] = [:]

    package init() {}

    package var count: Int { addresses.count + principals.count }

    package mutating func share(of address: PeerAddress?) -> Share? {
        guard let address else { return nil }
        if let share = addresses[address] { return share }
        let share = Share(of: .address(address))
        addresses[address] = share
        return share
    }

    package mutating func share(of principal: Principal?) -> Share? {
        guard let principal else { return nil }
        let name = [UInt8](principal.name)
        if let share = principals[name] { return share }
        let share = Share(of: .principal(name))
        principals[name] = share
        return share
    }

    /// Removes shares that are empty.
    package mutating func forget(_ shares: Shares) {
        forget(shares.address)
        forget(shares.principal)
    }

    /// Removes a share if it is empty.
    package mutating func forget(_ share: Share?) {
        guard let share, share.isEmpty else { return }
        switch share.owner {
        case .address(let address) where addresses[address] === share: addresses[address] = nil
        case .principal(let name) where principals[name] === share: principals[name] = nil
        default: break  // It was already removed.
        }
    }
}

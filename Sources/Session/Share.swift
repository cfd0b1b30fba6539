import Wire

/// What one peer address, or one principal, has of a server: nobody may have all of it.
package final class Share {
    package var connections = 0
    package var sessions = 0
    package var sessionBytes = 0
    package var requestBytes = 0
    package var replayBytes = 0
    /// Sessions that may give way to others, and requests.
    package var idleSessions = 0
    package var detachedRequests = 0
    /// For sums over some crowd: 0 between them.
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

    package var isEmpty: Bool { connections + sessions + requestBytes == 0 }
}

/// The shares that a session, or what belongs to it, counts in.
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

/// Where a client connects from: 128 bits of an IPv6 address, or of an IPv4 address mapped to one.
/// A network that has an IPv6 address has 64 bits of them, so only the first 64 count (RFC 4291
/// §2.5.4).
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

/// The shares there are, by who has them. Those of nobody are forgotten.
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
        let name = [UInt8](principal.name.bytes)
        if let share = principals[name] { return share }
        let share = Share(of: .principal(name))
        principals[name] = share
        return share
    }

    /// Forgets the share of somebody who has nothing any more.
    package mutating func forget(_ share: Share?) {
        guard let share, share.isEmpty else { return }
        switch share.owner {
        case .address(let address) where addresses[address] === share: addresses[address] = nil
        case .principal(let name) where principals[name] === share: principals[name] = nil
        default: break  // It has been forgotten before.
        }
    }
}

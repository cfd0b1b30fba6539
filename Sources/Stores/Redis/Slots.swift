import StoreShared

/// Which server of a Redis Cluster has which keys (the cluster specification of Redis, "Key
/// distribution model").
struct Slots {
    /// The primaries, none twice.
    private(set) var servers: [Address] = []
    /// For each slot the index of its server.
    private var places: [UInt16]

    static let count = 16_384
    private static let nowhere = UInt16.max
    private static let serversMax = 1_000

    /// Reads the answer to CLUSTER SLOTS: first and last slot of each range, then its servers, of
    /// which the first one is the primary. One without an address of its own is where the answer
    /// came from.
    init(_ reply: Reply, from source: Address) throws(LinkFault) {
        guard let count = reply.count, count <= Slots.count else { throw .speaksOtherwise }
        places = Array(repeating: Slots.nowhere, count: Slots.count)
        for index in 0..<count {
            guard let range = reply[index], let first = range[0]?.number,
                let last = range[1]?.number, let server = range[2],
                first >= 0, last < Int64(Slots.count), first <= last
            else { throw .speaksOtherwise }
            let place = try place(of: try Slots.address(of: server, from: source))
            for slot in first...last {
                guard places[Int(slot)] == Slots.nowhere else { throw .speaksOtherwise }
                places[Int(slot)] = place
            }
        }
        if places.contains(Slots.nowhere) { throw .hasFreeSlots }
    }

    private static func address(
        of server: Reply, from source: Address
    ) throws(LinkFault) -> Address {
        guard let port = server[1]?.number.flatMap({ UInt16(exactly: $0) }), port > 0 else {
            throw .speaksOtherwise
        }
        let host = server[0]?.bytes ?? .none
        if host.count == 0 {
            guard let address = source.with(port: port) else { throw .hasNameOnly }
            return address
        }
        if let address = Address(host: host, port: port) { return address }
        // It has a name, and its address is said beside it.
        let more = server[3]
        for index in stride(from: 0, to: (more?.count ?? 0) - 1, by: 2) {
            guard let key = more?[index]?.bytes, key.elementsEqual("ip".utf8),
                let host = more?[index + 1]?.bytes, let address = Address(host: host, port: port)
            else { continue }
            return address
        }
        throw .hasNameOnly
    }

    private mutating func place(of server: Address) throws(LinkFault) -> UInt16 {
        if let index = servers.firstIndex(of: server) { return UInt16(index) }
        guard servers.count < Slots.serversMax else { throw .speaksOtherwise }
        servers.append(server)
        return UInt16(servers.count - 1)
    }

    /// Takes note that another server has a slot now; false if it is none of those that are known.
    mutating func move(_ slot: Int, to server: Address) -> Bool {
        guard let index = servers.firstIndex(of: server), slot < Slots.count else { return false }
        places[slot] = UInt16(index)
        return true
    }

    /// The index of the server that has a key.
    func server(of key: UnsafeRawBufferPointer) -> Int { Int(places[Slots.slot(of: key)]) }

    /// Keys with the same text in the first braces are together.
    static func slot(of key: UnsafeRawBufferPointer) -> Int {
        guard let start = key.firstIndex(of: UInt8(ascii: "{")),
            let end = key[(start + 1)...].firstIndex(of: UInt8(ascii: "}")), end > start + 1
        else { return Int(checksum(key)) % count }
        return Int(checksum(UnsafeRawBufferPointer(rebasing: key[(start + 1)..<end]))) % count
    }

    /// CRC-16 as XMODEM has it: polynomial 0x1021, which begins with 0.
    private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt16 {
        var sum: UInt16 = 0
        for byte in bytes {
            sum ^= UInt16(byte) << 8
            for _ in 0..<8 { sum = sum & 0x8000 == 0 ? sum << 1 : sum << 1 ^ 0x1021 }
        }
        return sum
    }
}

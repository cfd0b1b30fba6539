import Foundation

/// A client's blocking socket, which gives up after ten seconds.
final class Peer {
    private let descriptor: Int32

    init(port: UInt16) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try connect(&address)
    }

    /// Connects to `::1`, or to `127.0.0.1`.
    convenience init(port: UInt16, to address: String) throws {
        if address == "::1" { try self.init(ipv6: port) } else { try self.init(port: port) }
    }

    private init(ipv6 port: UInt16) throws {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
        try connect(&address)
    }

    init(path: String) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try connect(&address)
    }

    deinit {
        close(descriptor)
    }

    private func connect<Address>(_ address: inout Address) throws {
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        let result = withUnsafeBytes(of: &address) { bytes in
            Foundation.connect(
                descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count))
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
    }

    /// The port that the socket has at this end; it is at the same place for IPv4 and IPv6.
    var port: UInt16 {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &address) { bytes in
            let place = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            getsockname(descriptor, place, &length)
            return UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    func send(_ text: String) {
        var text = text
        text.withUTF8 { _ = Foundation.send(descriptor, $0.baseAddress, $0.count, 0) }
    }

    /// Whether something has arrived that was not received yet.
    var hasArrivals: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// Everything that arrives up to `mark`, or up to the end of the connection.
    func receive(until mark: String? = nil) -> String {
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4096)
        while mark.map({ received.firstRange(of: Array($0.utf8)) == nil }) ?? true {
            let count = recv(descriptor, &room, room.count, 0)
            guard count > 0 else { break }
            received += room[..<count]
        }
        return String(decoding: received, as: UTF8.self)
    }
}

import CLibc
import CLibuv
import Engine
import Link
import Session
import Wire

/// An address to listen on.
package enum ListenAddress {
    case internet(InternetAddress)
    /// A NUL-terminated path.
    case unix([CChar])

    static var loopback: StaticString { "127.0.0.1" }

    /// Parses a numeric IPv4 or IPv6 address, `localhost`, which is 127.0.0.1, or `unix:` and a
    /// path.
    package init(_ text: UnsafeRawBufferPointer, port: UInt16) throws(ListenFault) {
        if text.hasPrefix("unix:") {
            let path = text.dropBytes(5)
            // sun_path has 108 bytes, including the final NUL.
            guard path.count > 0, path.count <= 107 else {
                throw ListenFault(pathOf: path.count)
            }
            self = .unix(ListenAddress.terminated(path))
            return
        }
        // RFC 6761 §6.3: the name means the loopback address, without a lookup.
        let isLocal = text.equalsIgnoringCase("localhost")
        let digits = isLocal ? ListenAddress.loopback.rawBytes : text
        guard let address = InternetAddress(ListenAddress.terminated(digits), port: port) else {
            throw ListenFault(notAnAddress: text)
        }
        self = .internet(address)
    }

    private static func terminated(_ text: UnsafeRawBufferPointer) -> [CChar] {
        text.map { CChar(bitPattern: $0) } + [0]
    }

    var family: Int32 {
        switch self {
        case .internet(let address): Int32(address.family)
        case .unix: AF_UNIX
        }
    }

    func withSocketAddress(_ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        switch self {
        case .internet(var address): return address.withSocketAddress(body)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { room in
                path.withUnsafeBytes { room.copyMemory(from: $0) }
            }
            return withUnsafeMutablePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
    }

    /// Sets the file mode of a Unix socket; false on failure.
    func setMode(_ mode: UInt32?) -> Bool {
        guard case .unix(let path) = self, let mode else { return true }
        return chmod(path, mode_t(mode)) == 0
    }

    static func isSocket(_ path: [CChar]) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK)
    }

    /// Whether a path is a Unix socket without a listener.
    static func isStaleSocket(_ path: [CChar]) -> Bool {
        guard isSocket(path) else { return false }
        // Non-blocking: a listener with a full backlog would block connect().
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return false }
        defer { CLibc.close(descriptor) }
        let result = ListenAddress.unix(path).withSocketAddress { connect(descriptor, $0, $1) }
        return result != 0 && last_error() == ECONNREFUSED
    }
}

/// An IPv4 or IPv6 address with a port.
package struct InternetAddress {
    private var storage = sockaddr_storage()

    /// An empty buffer for an address from the system.
    init() {}

    init?(_ text: [CChar], port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if uv_ip4_addr(text, Int32(port), &four) == 0 {
            withUnsafeMutableBytes(of: &storage) { room in
                withUnsafeBytes(of: &four) { room.copyMemory(from: $0) }
            }
        } else if uv_ip6_addr(text, Int32(port), &six) == 0 {
            withUnsafeMutableBytes(of: &storage) { room in
                withUnsafeBytes(of: &six) { room.copyMemory(from: $0) }
            }
        } else {
            return nil
        }
    }

    mutating func withSocketAddress(
        _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_storage>.size))
            }
        }
    }

    var family: sa_family_t { storage.ss_family }

    private var isIPv6: Bool { family == sa_family_t(AF_INET6) }

    /// The address whose share a client counts against; nil if it has no internet address.
    var peerAddress: PeerAddress? {
        if isIPv6 { return PeerAddress(ipv6: field(at: 8), field(at: 16)) }
        guard family == sa_family_t(AF_INET) else { return nil }
        return PeerAddress(ipv4: field(at: 4))
    }

    /// The peer of a connection from this address; on a Unix socket the kernel names the process.
    func name(ofPeerOf descriptor: Int32) -> PeerName {
        if isIPv6 {
            let scope: UInt32 = field(at: 24)  // This one is in the host's order.
            return .ipv6(field(at: 8), field(at: 16), scope: scope.bigEndian, port: port)
        }
        guard family == sa_family_t(AF_INET) else {
            return .unix(process: peer_process(descriptor))
        }
        return .ipv4(field(at: 4), port: port)
    }

    /// A number of sockaddr_in or sockaddr_in6 in network byte order.
    private func field<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Number {
        withUnsafeBytes(of: storage) { bytes in
            Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }

    var port: UInt16 {
        // The port has the same offset in sockaddr_in and sockaddr_in6.
        withUnsafeBytes(of: storage) {
            UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// 127.0.0.0/8, the same mapped to IPv6 (RFC 4291 §2.5.5.2), or ::1.
    var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            guard isIPv6 else { return bytes[4] == 127 }
            let isMapped =
                bytes[8..<18].allSatisfy { $0 == 0 } && bytes[18] == 0xFF && bytes[19] == 0xFF
            if isMapped { return bytes[20] == 127 }
            return bytes[8..<23].allSatisfy { $0 == 0 } && bytes[23] == 1
        }
    }
}

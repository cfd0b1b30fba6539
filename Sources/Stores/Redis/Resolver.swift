import CLibc
import CLibuv

/// Finds the addresses of a host, one search at a time.
final class Resolver {
    private var search: UnsafeMutablePointer<uv_getaddrinfo_t>?
    private let onEnd: ([Address], Int32) -> Void

    private static let addressesMax = 16

    /// `onEnd` gets the addresses, or an error of libuv.
    init(onEnd: @escaping ([Address], Int32) -> Void) { self.onEnd = onEnd }

    var isSearching: Bool { search != nil }

    /// `host` ends with a NUL. Returns an error of libuv, or 0.
    func find(_ host: [CChar], _ port: UInt16, on loop: UnsafeMutablePointer<uv_loop_t>) -> Int32 {
        let search = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        let service = ByteQueue()
        service.append(decimal: UInt64(port))
        service.append(0)
        search.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        let result = uv_getaddrinfo(
            loop, search,
            { search, status, found in
                guard let search else { return }
                let data = search.pointee.data
                search.deallocate()
                defer { uv_freeaddrinfo(found) }
                guard let data else { return }
                Unmanaged<Resolver>.fromOpaque(data).takeUnretainedValue().end(status, found)
            }, host, service.bytes.assumingMemoryBound(to: CChar.self).baseAddress, &hints)
        if result == 0 {
            self.search = search
        } else {
            search.deallocate()
        }
        return result
    }

    /// Nobody waits for it any more. The loop waits for the system, unless it has not begun.
    func cancel() {
        guard let search else { return }
        search.pointee.data = nil
        uv_cancel(UnsafeMutableRawPointer(search).assumingMemoryBound(to: uv_req_t.self))
        self.search = nil
    }

    private func end(_ status: Int32, _ found: UnsafeMutablePointer<addrinfo>?) {
        search = nil
        var addresses: [Address] = []
        var each = found
        while let this = each, addresses.count < Resolver.addressesMax {
            if let address = this.pointee.ai_addr.flatMap({
                Address.make($0, this.pointee.ai_addrlen)
            }) {
                addresses.append(address)
            }
            each = this.pointee.ai_next
        }
        onEnd(addresses, status < 0 ? status : addresses.isEmpty ? UV_EAI_NONAME.rawValue : 0)
    }
}

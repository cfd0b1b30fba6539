import CLibc
import CLibuv
import Engine
import Wire

/// Why a server does not listen.
package struct ListenFault: Error {
    package let fault: RuntimeFault
    /// What is wrong with the address, and what to write instead; nil if nothing is.
    package let reason: [UInt8]?

    init(_ fault: RuntimeFault) {
        self.fault = fault
        reason = nil
    }

    private init(_ fault: SystemFault, _ reason: ByteBuffer) {
        self.fault = .system(fault)
        self.reason = Array(reason.bytes)
    }

    /// A path that a socket's address has no room for.
    init(pathOf count: Int) {
        let reason = ByteBuffer()
        reason.append("the path of the Unix socket has ")
        reason.append(decimal: Int64(count))
        reason.append(" bytes: write one of 1 to 107")
        self.init(.addressUnavailable, reason)
    }

    init(notAnAddress text: UnsafeRawBufferPointer) {
        let reason = ByteBuffer()
        reason.append("'")
        reason.append(printable: text, atMost: 128)
        reason.append(
            """
            ' is not an IP address, and host names are not resolved: write one such as 127.0.0.1, \
            0.0.0.0 or ::1, or localhost, or unix:/path
            """)
        self.init(.addressUnavailable, reason)
    }

    /// The system's refusal.
    init(
        _ fault: SystemFault, at address: ListenAddress, _ text: UnsafeRawBufferPointer,
        _ port: UInt16
    ) {
        let reason = ByteBuffer()
        reason.append(printable: text, atMost: 128)
        switch address {
        case .unix(let path): reason.append(ListenFault.meaning(fault, ofPath: path))
        case .internet:
            reason.append(", port ")
            reason.append(decimal: Int64(port))
            reason.append(ListenFault.meaning(fault, ofPort: port))
        }
        if case .other(let code) = fault {
            let text = uv_strerror(code)
            reason.append(
                UnsafeRawBufferPointer(start: text, count: text.map { strlen($0) } ?? 0))
        }
        self.init(fault, reason)
    }

    private static func meaning(_ fault: SystemFault, ofPath path: [CChar]) -> StaticString {
        switch fault {
        case .addressInUse:
            ListenAddress.isSocket(path)
                ? ": another server listens there" : ": a file that is not a socket exists there"
        case .directoryMissing: ": the directory does not exist: create it first"
        case .addressUnavailable: ": not a usable path"
        case .permission: ": no permission to create the socket there"
        case .descriptors: ": the process has no file descriptor left"
        case .other: ": "
        }
    }

    private static func meaning(_ fault: SystemFault, ofPort port: UInt16) -> StaticString {
        switch fault {
        case .addressInUse: ": another program listens there"
        case .addressUnavailable, .directoryMissing: ": not an address of this machine"
        case .permission:
            port > 0 && port < 1024
                ? ": ports below 1024 need a privilege: use a higher one"
                : ": the system does not permit it"
        case .descriptors: ": the process has no file descriptor left"
        case .other: ": "
        }
    }
}

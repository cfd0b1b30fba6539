import MCP
import Wire

/// What the server says of itself, as valid JSON: in the results of `initialize` and
/// `server/discover`, and in each result of modern requests.
package struct Greeting {
    private let serverInfo: ByteBuffer
    private let instructions: ByteBuffer
    private let suffix = ByteBuffer()
    private let discovery = ByteBuffer()
    /// What listeners may be told of.
    let changes: ChangeKinds
    /// Whether a catalog may say what the server can do, since the host has not.
    package var isOpen = false

    /// `serverInfo` and `capabilities` are JSON objects, and so are `discoverCapabilities`, those
    /// for `server/discover` if they differ; `instructions` is plain text, or empty.
    package init(
        serverInfo: UnsafeRawBufferPointer, capabilities: UnsafeRawBufferPointer,
        discoverCapabilities: UnsafeRawBufferPointer? = nil, instructions: UnsafeRawBufferPointer
    ) {
        let info = ByteBuffer()
        info.append(jsonLine: serverInfo)
        self.init(
            info, capabilities, discoverCapabilities ?? capabilities,
            ByteBuffer(copying: instructions))
    }

    private init(
        _ serverInfo: ByteBuffer, _ capabilities: UnsafeRawBufferPointer,
        _ discoverCapabilities: UnsafeRawBufferPointer, _ instructions: ByteBuffer
    ) {
        self.serverInfo = serverInfo
        self.instructions = instructions
        changes = ChangeKinds(capabilities: discoverCapabilities)
        suffix.put("\",\"capabilities\":")
        suffix.append(jsonLine: capabilities)
        suffix.put(",\"serverInfo\":")
        suffix.append(serverInfo)
        discovery.put(",\"capabilities\":")
        discovery.append(jsonLine: discoverCapabilities)
        for output in [suffix, discovery] where instructions.count > 0 {
            output.put(",\"instructions\":")
            output.append(jsonString: instructions.bytes)
        }
        suffix.put("}")
        // The same for everybody, as long as the server runs.
        discovery.put(",\"ttlMs\":60000,\"cacheScope\":\"public\"}")
    }

    /// The same with other capabilities.
    func offering(
        _ capabilities: UnsafeRawBufferPointer, _ discoverCapabilities: UnsafeRawBufferPointer
    ) -> Greeting {
        var greeting = Greeting(serverInfo, capabilities, discoverCapabilities, instructions)
        greeting.isOpen = isOpen
        return greeting
    }

    /// The result of `initialize`.
    func result(_ revision: Revision) -> ByteBuffer {
        let result = ByteBuffer()
        result.put("{\"protocolVersion\":\"")
        result.append(revision.text)
        result.append(suffix)
        return result
    }

    /// The result of `server/discover`, not stamped yet (S-115).
    func discovery(_ served: RevisionSet) -> ByteBuffer {
        let result = ByteBuffer()
        result.put("{\"supportedVersions\":")
        served.append(.modern, to: result)
        result.append(discovery)
        return result
    }

    /// The server's identity, as JSON.
    var identity: ByteBuffer { serverInfo }
}

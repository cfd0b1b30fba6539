import Link
import MCP
import Wire

/// What a store keeps of a session, so that another process can go on with it: a JSON object on
/// one line.
package struct SessionRecord {
    /// Who opened it, and may use it (S-500); nil without authorization.
    package var principal: Principal?
    package var revision: Revision
    /// Whether the client has sent `notifications/initialized`.
    package var isReady: Bool
    package var clientInfo: ByteBuffer
    package var clientCapabilities: ByteBuffer
    package var logLevel: LogSeverity?
    /// Its primary streams, one of each process that had one, the last one's at the end.
    package var primaries: [StreamToken]
    /// The resources that its client is told of.
    package var subscriptions: [ByteBuffer]
    /// The node that drains, and still answers requests of the session.
    package var drainer: NodeID?

    package init(
        principal: Principal?, revision: Revision, isReady: Bool, clientInfo: ByteBuffer,
        clientCapabilities: ByteBuffer, logLevel: LogSeverity?, primaries: [StreamToken],
        subscriptions: [ByteBuffer], drainer: NodeID? = nil
    ) {
        self.principal = principal
        self.revision = revision
        self.isReady = isReady
        self.clientInfo = clientInfo
        self.clientCapabilities = clientCapabilities
        self.logLevel = logLevel
        self.primaries = primaries
        self.subscriptions = subscriptions
        self.drainer = drainer
    }

    /// The most primary streams that are kept. A client that comes back for one before them has
    /// lost its events.
    package static var primariesMax: Int { 8 }

    // MARK: Writing

    package var text: ByteBuffer {
        let output = ByteBuffer()
        output.put("{\"revision\":\"")
        output.append(revision.text.rawBytes)
        output.put(isReady ? "\",\"ready\":true" : "\",\"ready\":false")
        if let name = principal?.name {
            // The host's names may be any bytes, but JSON is UTF-8.
            if UTF8Text.isValid(name) {
                output.put(",\"principal\":")
                output.append(jsonString: name)
            } else {
                output.put(",\"principalBase64\":\"")
                Base64.encode(name, to: output)
                output.put("\"")
            }
        }
        output.put(",\"clientInfo\":")
        output.append(jsonLine: clientInfo.bytes)
        output.put(",\"capabilities\":")
        output.append(jsonLine: clientCapabilities.bytes)
        if let logLevel {
            output.put(",\"logLevel\":\"")
            output.append(logLevel.name.rawBytes)
            output.put("\"")
        }
        for (index, token) in primaries.enumerated() {
            output.put(index == 0 ? ",\"primaries\":[\"" : "\",\"")
            EventIDCodec.append(token, to: output)
        }
        if !primaries.isEmpty { output.put("\"]") }
        for (index, uri) in subscriptions.enumerated() {
            output.put(index == 0 ? ",\"subscriptions\":[" : ",")
            output.append(jsonString: uri.bytes)
        }
        if !subscriptions.isEmpty { output.put("]") }
        if let drainer {
            output.put(",\"drainer\":\"")
            drainer.append(to: output)
            output.put("\"")
        }
        output.put("}")
        return output
    }

    // MARK: Reading

    /// Reads a record; nil if it is none. Members that are not known are a later version's.
    package init?(_ text: UnsafeRawBufferPointer, depthMax: Int) {
        // The client's own words are two levels down.
        guard let record = JSONValue(text, depthMax: depthMax + 2), record.isObject,
            let name = record["revision"]?.string,
            let revision = withExtendedLifetime(name, { Revision(text: name.bytes) }),
            revision.era == .legacy, let info = record["clientInfo"], info.isObject,
            let capabilities = record["capabilities"], capabilities.isObject,
            let isReady = record["ready"].flatMap({ SessionRecord.bool($0) })
        else { return nil }
        self.revision = revision
        self.isReady = isReady
        clientInfo = ByteBuffer(copying: info.text)
        clientCapabilities = ByteBuffer(copying: capabilities.text)
        principal = nil
        let plain = record["principal"]?.string
        let encoded = record["principalBase64"]?.string.flatMap { Base64.decode($0.bytes) }
        if let name = plain ?? encoded {
            guard let principal = Principal(name.bytes) else { return nil }
            self.principal = principal
        } else if record["principal"] != nil || record["principalBase64"] != nil {
            return nil  // Whose it is cannot be read.
        }
        logLevel = record["logLevel"].flatMap { LogSeverity($0) }
        primaries = []
        for element in record["primaries"]?.elements ?? [] {
            guard let token = element.string.flatMap({ EventIDCodec.readStream($0.bytes) }) else {
                return nil
            }
            primaries.append(token)
        }
        primaries = primaries.suffix(SessionRecord.primariesMax)
        subscriptions = []
        for element in record["subscriptions"]?.elements ?? [] {
            guard let uri = element.string, UTF8Text.isValid(uri.bytes) else { return nil }
            subscriptions.append(uri)
        }
        drainer = record["drainer"]?.string.flatMap { text in
            withExtendedLifetime(text) { NodeID(text: text.bytes) }
        }
    }

    private static func bool(_ value: JSONValue) -> Bool? {
        value.text.equals("true") ? true : value.text.equals("false") ? false : nil
    }
}

/// What a store keeps of a request's stream until it has ended: the request's id. That of a primary
/// stream is empty.
package enum StreamRecord {
    package static var ofPrimary: ByteBuffer {
        ByteBuffer(copying: ("{}" as StaticString).rawBytes)
    }

    package static func text(of id: RequestID) -> ByteBuffer {
        let output = ByteBuffer()
        output.append("{\"id\":")
        id.append(to: output)
        output.append("}")
        return output
    }

    /// The id of the request; nil if the record is none.
    package static func id(_ text: UnsafeRawBufferPointer, limits: Limits) -> RequestID? {
        guard let record = JSONValue(text, depthMax: 2), let id = record["id"] else { return nil }
        return try? Envelope.requestID(id, limits: limits)
    }
}

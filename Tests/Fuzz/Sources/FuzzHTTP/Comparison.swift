import Fuzzing
import MCP
import Wire

/// Holds what a parser has told of some bytes to what a strict reader of the RFCs makes of them.
struct Comparison {
    private let reader: Reader
    private let reading: OracleReading
    /// Whether there are so many bytes or lines as are too many for a head, and so many bytes
    /// together as are too many for a target.
    private let mayBeTooLong: Bool
    private let hasLongWord: Bool
    /// Whether a tab stands in some Content-Length: llhttp takes none behind the digits, which RFC
    /// 9110, section 5.5, allows and nobody sends.
    private let hasTabInLength: Bool

    private static let limits = OracleLimits(
        messageBytes: Reader.limits.messageBytes, headerBytes: Reader.limits.headerBytes,
        headerCount: Reader.limits.headerCount, targetBytes: Reader.limits.targetBytes)

    init(_ reader: Reader, of bytes: UnsafeRawBufferPointer) {
        self.reader = reader
        reading = readRequests(Array(bytes), limits: Comparison.limits)
        mayBeTooLong =
            bytes.count + 4 > Reader.limits.headerBytes
            || bytes.count { $0 == 0x0A } > Reader.limits.headerCount
        hasLongWord = bytes.split { $0 <= 0x20 }.contains { $0.count > Reader.limits.targetBytes }
        hasTabInLength = bytes.split(separator: 0x0A).contains { line in
            let name = String(decoding: line.prefix { $0 != 0x3A }, as: UTF8.self)
            return name.lowercased() == "content-length" && line.contains(0x09)
        }
    }

    func check() {
        for (place, request) in reading.requests.enumerated() {
            guard place < reader.requests.count else {
                // What a recipient may refuse, it may refuse wherever that shows.
                if let begun = reader.begun { compare(begun, request) }
                return require(isAllowed(by: request.mayAlsoBe), "missing: \(request)")
            }
            compare(reader.requests[place], request)
            require(reader.requests[place].body ?? request.body == request.body, "another body")
            // RFC 9112, section 9.6: the connection's last, whatever follows.
            guard request.keepsAlive else {
                return require(
                    reader.requests.count == place + 1 && reader.begun == nil, "read too far")
            }
        }
        require(reader.requests.count == reading.requests.count, "more is read than there is")
        if let begun = reader.begun {
            guard let head = reading.head else { return require(false, "a head: \(begun)") }
            compare(begun, head)
        } else if reading.head != nil {
            require(isAllowed(by: reading.mayAlsoBe), "no head")
        }
        if reading.faults.isEmpty {
            require(
                reader.fault == nil || isAllowed(by: reading.mayAlsoBe),
                "refused: \(String(describing: reader.fault))")
            require(
                reader.fault != nil || reader.isInsideMessage == reading.isInsideMessage,
                "at an end or not")
        } else if reader.fault != nil || !reading.faultMayBeLater {
            checkFault()
        }
    }

    private func checkFault() {
        // Some of what is wrong with a head's first line shows when the head has ended, or is too
        // long.
        var faults = reading.faults
        if reader.begun == nil {
            if reader.fault == nil { reader.read(("\r\n\r\n" as StaticString).rawBytes) }
            if mayBeTooLong { faults.insert(.headersTooLarge) }
            if hasLongWord { faults.insert(.targetTooLong) }
        }
        require(
            isAllowed(by: faults), "\(String(describing: reader.fault)) is not one of \(faults)")
    }

    /// Whether the parser has refused the bytes for one of these faults.
    private func isAllowed(by faults: Set<OracleFault>) -> Bool {
        guard let fault = reader.fault else { return false }
        return faults.contains(Comparison.fault(fault)) || fault == .malformed && hasTabInLength
    }

    private func compare(_ told: ToldRequest, _ request: OracleRequest) {
        let isSame =
            told.method == request.method && told.target == request.target
            && told.isHTTP10 == (request.minorVersion == 0)
            && told.keepsAlive == request.keepsAlive
            && told.contentLength == request.contentLength
            && told.hasBody == (request.isChunked || request.contentLength ?? 0 > 0)
            && told.lines == Comparison.lines(of: request.fields)
        require(isSame, "\(told)\nis not\n\(request)")
        for field in HeaderField.allCases {
            let name = Comparison.name(of: field)
            let values = request.fields.filter { $0.name == name }
                .map(\.value)
            let expected = values.first.map { [UInt8(truncatingIfNeeded: values.count)] + $0 }
            require(told.known[field] == expected, "\(field) is \(told.known[field] ?? [])")
        }
    }

    private static func lines(of fields: [OracleField]) -> [UInt8] {
        fields.flatMap { $0.name + Array(": ".utf8) + $0.value + Array("\r\n".utf8) }
    }

    /// A field's name; nil for the number of an extension that MCP does not use.
    private static func name(of field: HeaderField) -> [UInt8]? {
        let names: [HeaderField: String] = [
            .host: "host", .origin: "origin", .accept: "accept", .contentType: "content-type",
            .contentLength: "content-length", .lastEventID: "last-event-id",
            .authorization: "authorization", .expect: "expect",
            .transferEncoding: "transfer-encoding", .contentEncoding: "content-encoding",
            .sessionID: "mcp-session-id", .protocolVersion: "mcp-protocol-version",
        ]
        return names[field].map { Array($0.utf8) }
    }

    private static func fault(_ fault: HTTPFault) -> OracleFault {
        switch fault {
        case .malformed: .malformed
        case .version: .version
        case .method: .methodUnknown
        case .coding: .codingUnknown
        case .targetTooLong: .targetTooLong
        case .headersTooLarge: .headersTooLarge
        case .bodyTooLarge: .bodyTooLarge
        }
    }
}

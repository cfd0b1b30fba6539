/// What a reader of requests refuses to go beyond.
package struct OracleLimits {
    package var messageBytes: Int
    /// Of a whole head, from the request line's first byte to the empty line's LF.
    package var headerBytes: Int
    /// Of field lines, those of the trailer section among them.
    package var headerCount: Int
    package var targetBytes: Int
    /// Of a message's chunk extensions and trailer section together.
    package var trailerBytes: Int

    package init(
        messageBytes: Int, headerBytes: Int, headerCount: Int, targetBytes: Int,
        trailerBytes: Int? = nil
    ) {
        self.messageBytes = messageBytes
        self.headerBytes = headerBytes
        self.headerCount = headerCount
        self.targetBytes = targetBytes
        self.trailerBytes = trailerBytes ?? headerBytes
    }
}

package enum OracleFault: Sendable {
    case malformed, version, targetTooLong, headersTooLarge, bodyTooLarge, codingUnknown
    case methodUnknown
}

package struct OracleField: Equatable, Sendable {
    /// In lower case.
    package var name: [UInt8]
    /// Without the blanks around it.
    package var value: [UInt8]
}

package struct OracleRequest: Equatable, Sendable {
    package var method: [UInt8] = []
    package var target: [UInt8] = []
    package var minorVersion = 1
    /// Of the header section; trailer fields are ignored.
    package var fields: [OracleField] = []
    package var contentLength: UInt64?
    package var isChunked = false
    package var keepsAlive = true
    package var body: [UInt8] = []
    /// For what a reader may also refuse the message, wherever in it that becomes clear: it breaks
    /// a rule that a recipient need not enforce.
    package var mayAlsoBe: Set<OracleFault> = []

    package var mayAlsoBeMalformed: Bool { mayAlsoBe.contains(.malformed) }
}

package struct OracleReading: Equatable, Sendable {
    /// The complete ones.
    package var requests: [OracleRequest] = []
    /// The one after those, if its head is complete; its body is left empty.
    package var head: OracleRequest?
    /// Empty if the bytes are a beginning of what is well-formed; otherwise each that is a fit
    /// answer.
    package var faults: Set<OracleFault> = []
    /// Whether a reader that has not found the fault yet is right, too: more has to come before
    /// each has to. A reader that judges a head as a whole is one.
    package var faultMayBeLater = false
    /// For what a reader may also refuse the message after `requests`, or what has come of it.
    package var mayAlsoBe: Set<OracleFault> = []
    /// Whether a message has begun and not ended, for a reader that has found no fault. An empty
    /// line before a request line, or its CR, begins none.
    package var isInsideMessage = false

    package var mayAlsoBeMalformed: Bool { mayAlsoBe.contains(.malformed) }
}

/// A strict server's reading of the requests in `bytes`, all that a connection has carried so far,
/// after RFC 9110 and RFC 9112 and not after our own parser. It reads on after a request with
/// "Connection: close".
///
/// An octet that no well-formed message has in its place is a fault as soon as it is there. What
/// makes a well-formed head unacceptable is a fault of the head, at its end at the latest, and with
/// several of those, or with such an octet after it, each is a fit answer.
package func readRequests(_ bytes: [UInt8], limits: OracleLimits) -> OracleReading {
    var reader = RequestReader(bytes: bytes, limits: limits)
    return reader.read()
}

/// Why reading stops.
private enum Stop: Error {
    case atEnd
    /// `RequestReader.due` says which.
    case fault
}

private struct RequestReader {
    private enum Section { case header, trailer }

    private let bytes: [UInt8]
    private let limits: OracleLimits
    private var position = 0
    private var reading = OracleReading()

    // Of the message that is being read:
    private var request = OracleRequest()
    private var isInsideMessage = false
    private var hasHead = false
    /// Faults that have been found; some are answered only when more has come.
    private var due: Set<OracleFault> = []
    private var mayAlsoBe: Set<OracleFault> = []
    /// The field lines of the section that is being read, the last perhaps in part.
    private var lines: [OracleField] = []
    /// How many bytes may come in what is being read, where that is limited.
    private var room: Int?
    private var trailerRoom = 0
    /// Whether a head has one byte too many.
    private var isOverrun = false

    init(bytes: [UInt8], limits: OracleLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func read() -> OracleReading {
        do {
            while true { try readMessage() }
        } catch Stop.atEnd {
            reading.faultMayBeLater = !due.isEmpty
        } catch {}
        if !hasHead {
            // Others judge each line as it comes, the last from what there is of it.
            let framing = Framing(of: lines, minorVersion: request.minorVersion)
            mayAlsoBe.formUnion(framing.faults.union(framing.mayAlsoBe))
        }
        reading.mayAlsoBe = mayAlsoBe
        if !due.isEmpty { reading.faults = due.union(mayAlsoBe) }
        reading.isInsideMessage = isInsideMessage && (due.isEmpty || reading.faultMayBeLater)
        if hasHead {
            reading.head = request
            reading.head?.mayAlsoBe = mayAlsoBe
        }
        return reading
    }

    /// RFC 9112, section 2.1
    private mutating func readMessage() throws(Stop) {
        try skipEmptyLines()
        request = OracleRequest()
        mayAlsoBe = []
        lines = []
        room = limits.headerBytes
        try readRequestLine()
        while try peek() != Octet.cr { try readFieldLine(of: .header) }
        try readLineEnd()
        room = nil
        try endHead()

        var body: [UInt8] = []
        if request.isChunked {
            body = try readChunkedBody()
        } else if let length = request.contentLength {
            body = try readContent(length)
        }
        request.body = body
        request.mayAlsoBe = mayAlsoBe
        reading.requests.append(request)
        mayAlsoBe = []
        lines = []
        isInsideMessage = false
        hasHead = false
    }

    /// RFC 9112, section 2.2: a server ignores at least one.
    private mutating func skipEmptyLines() throws(Stop) {
        while try peek() == Octet.cr { try readLineEnd() }
        isInsideMessage = true
    }

    // MARK: The head

    /// RFC 9112, section 3: method SP request-target SP HTTP-version CRLF
    private mutating func readRequestLine() throws(Stop) {
        try readMethod()
        try readTarget()
        for octet in "HTTP/".utf8 { try expect(octet) }
        let major = try readDigit()
        if major != 1 { due.formUnion([.version, .malformed]) }
        try expect(UInt8(ascii: "."))
        let minor = try readDigit()
        if minor > 1 { due.formUnion([.version, .malformed]) }
        request.minorVersion = minor
        try readLineEnd()
    }

    private mutating func readMethod() throws(Stop) {
        while true {
            let octet = try next()
            if octet == Octet.sp { break }
            guard Octet.isToken(octet) else { throw malformed() }
            request.method.append(octet)
            if request.method.count > 32 { due.insert(.methodUnknown) }
        }
        if request.method.isEmpty { throw malformed() }
        if request.method.elementsEqual("CONNECT".utf8) { due.insert(.methodUnknown) }
    }

    private mutating func readTarget() throws(Stop) {
        // What is there of it is not judged.
        mayAlsoBe.insert(.malformed)
        while true {
            let octet = try next()
            if octet == Octet.sp { break }
            guard (0x21...0x7E).contains(octet) else { throw malformed() }
            request.target.append(octet)
            if request.target.count > limits.targetBytes { due.insert(.targetTooLong) }
        }
        if request.target.isEmpty { throw malformed() }
        if Target.isRegular(request.target, method: request.method) { mayAlsoBe.remove(.malformed) }
    }

    private mutating func readDigit() throws(Stop) -> Int {
        let octet = try next()
        guard Octet.isDigit(octet) else { throw malformed() }
        return Int(octet - UInt8(ascii: "0"))
    }

    /// RFC 9112, section 5: field-name ":" OWS field-value OWS CRLF
    private mutating func readFieldLine(of section: Section) throws(Stop) {
        let isTrailer = section == .trailer
        let count = lines.count + (isTrailer ? request.fields.count : 0)
        if count == limits.headerCount { due.insert(.headersTooLarge) }

        var name: [UInt8] = []
        while true {
            let octet = try next()
            if octet == UInt8(ascii: ":") { break }
            // Blanks before the name are obs-fold or as bad, those after it are refused as well.
            guard Octet.isToken(octet) else { throw malformed() }
            name.append(Octet.lowercased(octet))
        }
        if name.isEmpty { throw malformed() }
        // RFC 9110, section 6.5.1: no sender may send these.
        if isTrailer && [Name.contentLength, Name.transferEncoding].contains(name) {
            mayAlsoBe.insert(.malformed)
        }

        var value: [UInt8] = []
        lines.append(OracleField(name: name, value: value))
        while try peek() != Octet.cr {
            let octet = try next()
            guard Octet.isText(octet) else { throw malformed() }
            value.append(octet)
            lines[lines.count - 1].value = Octet.trimmed(value[...])
        }
        try readLineEnd()
    }

    private mutating func endHead() throws(Stop) {
        request.fields = lines
        lines = []
        let framing = Framing(of: request.fields, minorVersion: request.minorVersion)
        due.formUnion(framing.faults)
        mayAlsoBe.formUnion(framing.mayAlsoBe)
        if !due.isEmpty { throw .fault }
        request.contentLength = framing.contentLength
        request.isChunked = framing.isChunked

        // RFC 9112, section 9.3
        let options = request.fields.filter { $0.name == Name.connection }.flatMap {
            $0.value.split(separator: UInt8(ascii: ","))
                .map { Octet.trimmed($0).map(Octet.lowercased) }
        }
        let closes = options.contains(Array("close".utf8))
        let keeps = request.minorVersion > 0 || options.contains(Array("keep-alive".utf8))
        request.keepsAlive = keeps && !closes
        hasHead = true
    }

    // MARK: The body

    /// RFC 9112, section 6.2
    private mutating func readContent(_ length: UInt64) throws(Stop) -> [UInt8] {
        var body: [UInt8] = []
        while body.count < length { try readBodyOctet(into: &body) }
        return body
    }

    private mutating func readBodyOctet(into body: inout [UInt8]) throws(Stop) {
        let octet = try next()
        if body.count == limits.messageBytes {
            due.insert(.bodyTooLarge)
            throw .fault
        }
        body.append(octet)
    }

    /// RFC 9112, section 7.1: *chunk last-chunk trailer-section CRLF
    private mutating func readChunkedBody() throws(Stop) -> [UInt8] {
        var body: [UInt8] = []
        trailerRoom = limits.trailerBytes
        while true {
            let size = try readChunkLine()
            if !due.isEmpty { throw .fault }
            if size == 0 { break }
            // Known by now, and to be refused when a byte too many comes.
            if size > limits.messageBytes - body.count { due.insert(.bodyTooLarge) }
            let start = body.count
            while body.count - start < size { try readBodyOctet(into: &body) }
            try readLineEnd()
        }
        room = trailerRoom
        while true {
            // Whether a line has ended is known from the next one's first byte, because of
            // obs-fold.
            let octet = try peek()
            if !due.isEmpty { throw .fault }
            if octet == Octet.cr { break }
            try readFieldLine(of: .trailer)
        }
        room = nil
        try readLineEnd()
        return body
    }

    /// chunk-size [ chunk-ext ] CRLF
    private mutating func readChunkLine() throws(Stop) -> UInt64 {
        var size: UInt64 = 0
        var digits = 0
        while let digit = Octet.hexValue(try peek()) {
            _ = try next()
            digits += 1
            // A size of any length is well-formed, but only one of up to 16 digits has to be read.
            if digits > 16 { mayAlsoBe.insert(.malformed) }
            guard size >> 60 == 0 else { throw malformed() }
            size = size << 4 | digit
        }
        if digits == 0 { throw malformed() }

        let mayBeMalformed = mayAlsoBe.contains(.malformed)
        room = trailerRoom
        var extensions: [UInt8] = []
        while try peek() != Octet.cr {
            let octet = try next()
            guard Octet.isText(octet) else { throw malformed() }
            extensions.append(octet)
            // Only blanks come before the first semicolon.
            let first = extensions.first { !Octet.isBlank($0) }
            guard first == nil || first == UInt8(ascii: ";") else { throw malformed() }
            mayAlsoBe.insert(.malformed)
        }
        trailerRoom = room ?? 0
        room = nil
        if !extensions.isEmpty && extensions.allSatisfy(Octet.isBlank) { throw malformed() }
        // RFC 9112, section 7.1.1: those unrecognized are ignored; those not well-formed may be.
        if Octets(extensions).areExtensions && !mayBeMalformed { mayAlsoBe.remove(.malformed) }
        try readLineEnd()
        return size
    }

    // MARK: Octets

    private func peek() throws(Stop) -> UInt8 {
        if isOverrun { throw .fault }
        guard position < bytes.count else { throw .atEnd }
        return bytes[position]
    }

    private mutating func next() throws(Stop) -> UInt8 {
        let octet = try peek()
        if let left = room {
            room = max(left - 1, 0)
            if left == 0 {
                // Of a head the byte too many is the last that is looked at; a trailer section's
                // line, or a chunk's, is read to its end.
                due.insert(.headersTooLarge)
                if hasHead { due.insert(.malformed) } else { isOverrun = true }
            }
        }
        position += 1
        return octet
    }

    private mutating func expect(_ octet: UInt8) throws(Stop) {
        if try next() != octet { throw malformed() }
    }

    /// RFC 9112, section 2.2: neither a bare CR nor a bare LF is one here.
    private mutating func readLineEnd() throws(Stop) {
        try expect(Octet.cr)
        try expect(Octet.lf)
    }

    private mutating func malformed() -> Stop {
        due.insert(.malformed)
        return .fault
    }
}

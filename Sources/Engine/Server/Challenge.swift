import MCP
import Wire

/// How the server decides who may use it.
package enum AuthorizationPolicy {
    /// Every client may.
    case none
    /// Every client with one of the operator's tokens may.
    case tokens(BearerTokens)
    /// The host decides about each request.
    case host
}

/// The reason why a request is not authorized, as sent to its client (RFC 6750 §3).
package struct Challenge {
    package enum Cause: Sendable {
        case credentialsMissing
        case invalidRequest
        case invalidToken
        case insufficientScope
    }

    package let cause: Cause
    private let scope: ByteBuffer?
    private let description: ByteBuffer?

    package init(_ cause: Cause) {
        self.cause = cause
        scope = nil
        description = nil
    }

    /// What is wrong with the Authorization field of a head under any policy; nil if nothing is
    ///
    init?(faultOf head: RequestHead) {
        guard head.occurrences(of: .authorization) < 2 else {
            self.init(.invalidRequest)
            return
        }
        guard let credentials = head[.authorization].map({ Credentials($0) }),
            credentials.isBearer, !Credentials.isToken(credentials.value)
        else { return nil }
        self.init(.invalidToken)
    }

    /// `scope` is a list of scopes and `description` a text for developers; either may be empty.
    /// Nil if a header cannot contain one of them.
    package init?(
        _ cause: Cause, scope: UnsafeRawBufferPointer, description: UnsafeRawBufferPointer
    ) {
        guard Challenge.isScope(scope), scope.count <= Challenge.bytesMax,
            description.count <= Challenge.bytesMax,
            description.allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
        else { return nil }
        self.cause = cause
        self.scope = scope.isEmpty ? nil : ByteBuffer(copying: scope)
        self.description = description.isEmpty ? nil : ByteBuffer(copying: description)
    }

    /// Clients and proxies refuse longer fields.
    private static var bytesMax: Int { 2048 }

    /// Whether `text` is a list of scope tokens separated by single spaces (RFC 6749 §3.3).
    private static func isScope(_ text: UnsafeRawBufferPointer) -> Bool {
        var isValid = true
        var before = UInt8(ascii: " ")
        for byte in text {
            let isSpace = byte == UInt8(ascii: " ")
            if isSpace, before == UInt8(ascii: " ") { isValid = false }
            if !isSpace, !(0x21...0x7E).contains(byte) { isValid = false }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { isValid = false }
            before = byte
        }
        return isValid && (text.isEmpty || before != UInt8(ascii: " "))
    }

    /// Calls `body` with the scope and the description, each empty if there is none. They are valid
    /// until `body` returns.
    package func withTexts(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CallerFault) -> Void
    ) throws(CallerFault) {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try withExtendedLifetime(self) { () throws(CallerFault) in
            try body(scope?.bytes ?? nothing, description?.bytes ?? nothing)
        }
    }

    var status: HTTPStatus {
        switch cause {
        case .credentialsMissing, .invalidToken: .unauthorized
        case .invalidRequest: .badRequest
        case .insufficientScope: .forbidden
        }
    }

    /// The error message in the response's body.
    var message: StaticString {
        switch cause {
        case .credentialsMissing: "Authorization is required"
        case .invalidRequest: "More than one Authorization header"
        case .invalidToken: "The token is not valid"
        case .insufficientScope: "The token's scope does not suffice"
        }
    }

    /// a request without credentials gets no error code.
    private var error: StaticString? {
        switch cause {
        case .credentialsMissing: nil
        case .invalidRequest: "invalid_request"
        case .invalidToken: "invalid_token"
        case .insufficientScope: "insufficient_scope"
        }
    }

    /// Appends the WWW-Authenticate header.
    func append(to output: ByteBuffer, _ metadata: ResourceMetadata?) {
        output.append("WWW-Authenticate: Bearer ")
        var separator: StaticString = ""
        func appendParameter(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
            output.append(separator)
            output.append(name)
            output.append("=")
            output.append(quoted: value)
            separator = ", "
        }
        if let error { appendParameter("error", error.rawBytes) }
        if let scope { appendParameter("scope", scope.bytes) }
        if let metadata {
            appendParameter("resource_metadata", metadata.url.bytes)
        } else {
            // RFC 6750 §3: at least one parameter is required.
            appendParameter("realm", ("mcp" as StaticString).rawBytes)
        }
        if let description { appendParameter("error_description", description.bytes) }
        output.append("\r\n")
    }
}

extension ByteBuffer {
    /// Appends a quoted string (RFC 9110 §5.6.4).
    fileprivate func append(quoted text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                append(UInt8(ascii: "\\"))
            }
            append(byte)
        }
        append(UInt8(ascii: "\""))
    }
}

import CLLHTTP

/// What every parser of an engine shares: llhttp's table of callbacks, and the fields to index.
package final class LLHTTPSettings {
    fileprivate let table: UnsafeMutablePointer<llhttp_settings_t>
    /// Where they are: a pointer is neither copied nor counted for each header line.
    let fields: UnsafePointer<ExtensionFields>

    package init(indexing fields: ExtensionFields = ExtensionFields()) {
        let storage = UnsafeMutablePointer<ExtensionFields>.allocate(capacity: 1)
        storage.initialize(to: fields)
        self.fields = UnsafePointer(storage)
        table = .allocate(capacity: 1)
        llhttp_settings_init(table)
        table.pointee.on_url = { parser, at, length in
            verdict(parser) { $0.target(span(at, length)) }
        }
        table.pointee.on_header_field = { parser, at, length in
            report(parser) { $0.name(span(at, length)) }
        }
        table.pointee.on_header_value = { parser, at, length in
            report(parser) { $0.value(span(at, length)) }
        }
        table.pointee.on_header_value_complete = { parser in
            verdict(parser) { $0.lineEnded() }
        }
        table.pointee.on_headers_complete = { parser in
            guard let parser else { return failed }
            parser.pointee.upgrade = 0  // Offers to upgrade are ignored (RFC 9110 §7.8).
            let line = LLHTTPBridge.StartLine(parser)
            return verdict(parser) { $0.headEnded(line) } == 0 ? skipBody : failed
        }
    }

    deinit {
        table.deallocate()
        fields.deallocate()
    }
}

/// The result of `on_headers_complete` that makes llhttp expect the next head at once.
private let skipBody: Int32 = 1
private let failed = Int32(HPE_USER.rawValue)

/// Calls the parser without counting the reference: this happens three times a header line.
@inline(__always)
private func report(
    _ parser: UnsafeMutablePointer<llhttp_t>?, _ call: (HTTPParser) -> Void
) -> Int32 {
    // `attach` sets the pointer before the first byte is parsed, and the parser owns the bridge.
    Unmanaged<HTTPParser>.fromOpaque(parser!.pointee.data)._withUnsafeGuaranteedRef(call)
    return 0
}

@inline(__always)
private func verdict(
    _ parser: UnsafeMutablePointer<llhttp_t>?, _ goesOn: (HTTPParser) -> Bool
) -> Int32 {
    Unmanaged<HTTPParser>.fromOpaque(parser!.pointee.data)._withUnsafeGuaranteedRef(goesOn)
        ? 0 : failed
}

private func span(_ at: UnsafePointer<CChar>?, _ length: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: at, count: length)
}

/// The only code that uses llhttp: it runs the C parser over heads, and forwards its callbacks.
///
/// The C state is allocated apart from the Swift object, so a callback never accesses a Swift value
/// during its mutation.
final class LLHTTPBridge {
    private let parser: UnsafeMutablePointer<llhttp_t>
    let settings: LLHTTPSettings

    init(_ role: HTTPParser.Role, settings: LLHTTPSettings) {
        self.settings = settings
        parser = .allocate(capacity: 1)
        llhttp_init(parser, role == .request ? HTTP_REQUEST : HTTP_RESPONSE, settings.table)
    }

    deinit {
        parser.deallocate()
    }

    /// Sets the object that receives the callbacks. It must own the bridge.
    func attach(_ listener: HTTPParser) {
        parser.pointee.data = Unmanaged.passUnretained(listener).toOpaque()
    }

    /// Forgets what was read, but not the role.
    func reset() {
        llhttp_reset(parser)
    }

    enum Outcome {
        /// All bytes were read.
        case read
        /// llhttp refused them, or the listener stopped it.
        case failed
        /// A version that llhttp does not support.
        case version
    }

    /// Reads bytes of a head, which must not go beyond its end.
    func execute(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard let start = bytes.baseAddress else { return .read }
        switch llhttp_execute(parser, start.assumingMemoryBound(to: CChar.self), bytes.count) {
        case HPE_OK: return .read
        case HPE_INVALID_VERSION: return .version
        default: return .failed
        }
    }

    /// What llhttp knows about a message when its head has ended. Valid during that report.
    struct StartLine {
        private let parser: UnsafeMutablePointer<llhttp_t>

        init(_ parser: UnsafeMutablePointer<llhttp_t>) {
            self.parser = parser
        }

        var major: UInt8 { parser.pointee.http_major }
        var minor: UInt8 { parser.pointee.http_minor }

        /// A request's method.
        var method: HTTPMethod {
            switch UInt32(parser.pointee.method) {
            case HTTP_GET.rawValue: .get
            case HTTP_POST.rawValue: .post
            case HTTP_DELETE.rawValue: .delete
            case HTTP_HEAD.rawValue: .head
            case HTTP_OPTIONS.rawValue: .options
            default: .other
            }
        }

        /// A response's status code.
        var status: Int { Int(parser.pointee.status_code) }

        /// Whether a request lets the connection be used again (RFC 9112 §9.3).
        var keepsAlive: Bool { llhttp_should_keep_alive(parser) != 0 }

        /// The options of the Connection field.
        var closes: Bool { has(F_CONNECTION_CLOSE) }
        var asksToKeepAlive: Bool { has(F_CONNECTION_KEEP_ALIVE) }

        var contentLength: UInt64? {
            has(F_CONTENT_LENGTH) ? parser.pointee.content_length : nil
        }

        private func has(_ flag: llhttp_flags) -> Bool {
            UInt32(parser.pointee.flags) & flag.rawValue != 0
        }
    }
}

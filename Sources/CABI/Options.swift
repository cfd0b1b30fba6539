import CStreamableHTTP
import Engine
import MCP
import Session
import Wire

/// Reads a caller's options struct, which may be older or newer than ours.
///
/// Missing fields are 0; bytes beyond our struct must be 0. Nil for an invalid size or tail.
func read<Options>(_ given: UnsafePointer<Options>, empty: Options) -> Options? {
    let source = UnsafeRawPointer(given)
    let size = source.load(as: Int.self)
    let known = MemoryLayout<Options>.size
    guard size >= MemoryLayout<Int>.size, size <= 1 << 16 else { return nil }
    for offset in stride(from: known, to: size, by: 1)
    where source.load(fromByteOffset: offset, as: UInt8.self) != 0 {
        return nil
    }
    var options = empty
    withUnsafeMutableBytes(of: &options) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(start: source, count: min(size, known)))
    }
    return options
}

/// Initializes a caller's options with zeros and their size.
func initialize<Options>(_ options: UnsafeMutablePointer<Options>?, _ size: Int) {
    guard let options, size >= MemoryLayout<Int>.size else { return }
    let room = UnsafeMutableRawPointer(options)
    room.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    room.storeBytes(of: size, as: Int.self)
}

extension ServerOptions {
    /// Checks the options of a C caller.
    init(_ given: shttp_server_options) throws(OptionFault) {
        self.init()
        setNumbers(given)
        try setChoices(given)
        try setTexts(given)
        try setRevisions(given)
        try setGreeting(given)
        try setStore(given)
        try setAuthorization(given)
        try setFence(given)
    }

    private mutating func setChoices(_ given: shttp_server_options) throws(OptionFault) {
        switch given.response_mode {
        case SHTTP_RESPONSE_STREAM: responseMode = .stream
        case SHTTP_RESPONSE_JSON: responseMode = .json
        case SHTTP_RESPONSE_AUTO: responseMode = .auto
        default: throw OptionFault("response_mode", "is none of the SHTTP_RESPONSE_ values")
        }
        switch given.progress_route {
        case SHTTP_PROGRESS_PRIMARY: progressRoute = .primary
        case SHTTP_PROGRESS_REQUEST: progressRoute = .request
        default: throw OptionFault("progress_route", "is none of the SHTTP_PROGRESS_ values")
        }
        switch given.log_level {
        case SHTTP_LOG_DEFAULT: break
        case SHTTP_LOG_OFF: logLevel = nil
        default:
            guard let level = LogLevel(rawValue: Int32(bitPattern: given.log_level.rawValue)) else {
                throw OptionFault("log_level", "is none of the SHTTP_LOG_ values")
            }
            logLevel = level
        }
        if given.unix_mode > 0o777 {
            throw OptionFault("unix_mode", "is no file mode: write one from 0001 to 0777, in octal")
        }
    }

    private mutating func setTexts(_ given: shttp_server_options) throws(OptionFault) {
        if let path = try path("path", given.path) { self.path = path }
        oldPath = try path("sse_path", given.sse_path)
        if oldPath != nil, isStateless {
            throw OptionFault("sse_path", "needs sessions: not with stateless")
        }
        if let oldPath, oldPath.bytes.equals(path.bytes) {
            throw OptionFault("sse_path", "is the same as path")
        }
        if let prefix = text(given.session_id_prefix) {
            let isPrefix = prefix.allSatisfy {
                $0.isDigit || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A || $0 == 0x2D || $0 == 0x2E
                    || $0 == 0x5F
            }
            guard isPrefix, prefix.count > 0, prefix.count <= 32 else {
                throw OptionFault(
                    "session_id_prefix", "has 1 to 32 letters, digits, dots, hyphens, underscores")
            }
            sessionIDPrefix = ByteBuffer(copying: prefix)
        }
        allowedOrigins = try list("allowed_origins", given.allowed_origins, .origins)
        allowedHosts = try list("allowed_hosts", given.allowed_hosts, .hosts)
        crossOrigins = try list("cors_origins", given.cors_origins, .origins)
    }

    private func path(
        _ name: StaticString, _ given: UnsafePointer<CChar>?
    ) throws(OptionFault) -> ByteBuffer? {
        guard let path = text(given) else { return nil }
        let isPath =
            path.first == UInt8(ascii: "/")
            && path.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
            }
        guard isPath, path.count <= 1024 else {
            throw OptionFault(
                name, "starts with a slash, and has at most 1024 bytes of ASCII, no ? and no #")
        }
        return ByteBuffer(copying: path)
    }

    private mutating func setRevisions(_ given: shttp_server_options) throws(OptionFault) {
        guard let list = text(given.revisions) else { return }
        do throws(RevisionSet.Fault) {
            revisions = try RevisionSet(list)
        } catch {
            throw OptionFault("revisions", entry: error.entry, RevisionSet.Fault.reason)
        }
    }

    private func list(
        _ name: StaticString, _ given: UnsafePointer<CChar>?, _ kind: AccessList.Kind
    ) throws(OptionFault) -> AccessList? {
        guard let list = text(given) else { return nil }
        do throws(AccessList.Fault) {
            return try AccessList(list, of: kind)
        } catch {
            throw OptionFault(name, error.reason, part: error.entry)
        }
    }

    private mutating func setGreeting(_ given: shttp_server_options) throws(OptionFault) {
        let info = try object("server_info", given.server_info)
        let capabilities = try object("server_capabilities", given.server_capabilities)
        let discover = try object("discover_capabilities", given.discover_capabilities)
        guard let instructions = given.instructions.borrowed, UTF8Text.isValid(instructions) else {
            throw OptionFault("instructions", "is not text in UTF-8")
        }
        guard info.count > 0 else {
            if capabilities.count > 0 {
                throw OptionFault("server_capabilities", "needs server_info")
            }
            if discover.count > 0 {
                throw OptionFault("discover_capabilities", "needs server_info")
            }
            if instructions.count > 0 { throw OptionFault("instructions", "needs server_info") }
            return
        }
        let none: StaticString = "{}"
        greeting = Greeting(
            serverInfo: info, capabilities: capabilities.count > 0 ? capabilities : none.rawBytes,
            discoverCapabilities: discover.count > 0 ? discover : nil, instructions: instructions)
        greeting?.isOpen = capabilities.count + discover.count == 0
    }

    /// A JSON object, or nothing.
    private func object(
        _ name: StaticString, _ given: shttp_bytes
    ) throws(OptionFault) -> UnsafeRawBufferPointer {
        guard let json = given.borrowed else {
            throw OptionFault(name, "has a length but no data, or is too long")
        }
        guard json.count > 0 else { return json }
        guard let value = JSONValue(json, depthMax: limits.jsonDepth) else {
            throw JSONValue.nestsTooDeep(json, depthMax: limits.jsonDepth)
                ? OptionFault(name, "nests deeper than json_depth_max")
                : OptionFault(name, "is not valid JSON in UTF-8")
        }
        guard value.isObject else { throw OptionFault(name, "is not a JSON object") }
        return json
    }

    private mutating func setStore(_ given: shttp_server_options) throws(OptionFault) {
        hasReplay = given.replay_events_max != .max
        hasHostStore = given.event_store != nil
        hasSessionStore = given.session_store != nil
        if hasSessionStore, isStateless {
            throw OptionFault("session_store", "needs sessions: not with stateless")
        }
        guard hasHostStore else { return }
        if !hasReplay {
            throw OptionFault("event_store", "has nothing to keep: replay_events_max is UINT32_MAX")
        }
        if isStateless { throw OptionFault("event_store", "needs sessions: not with stateless") }
    }

    /// A module keeps sessions and events.
    mutating func takeStore(waits: Bool) {
        hasHostStore = true
        hasSessionStore = true
        waitsForStore = waits
    }

    private mutating func setAuthorization(_ given: shttp_server_options) throws(OptionFault) {
        if let list = text(given.bearer_tokens) {
            if given.authorize != 0 {
                throw OptionFault("bearer_tokens", "excludes authorize: use one of them")
            }
            do throws(BearerTokens.Fault) {
                authorization = .tokens(try BearerTokens(list))
            } catch {
                throw OptionFault("bearer_tokens", entry: error.number, error.reason)
            }
        } else if given.authorize != 0 {
            authorization = .host
        }
        let document = try object("resource_metadata", given.resource_metadata)
        guard document.count > 0 else { return }
        resourceMetadata = ResourceMetadata(document, depthMax: limits.jsonDepth)
        if resourceMetadata == nil {
            throw OptionFault(
                "resource_metadata",
                "needs resource, an absolute URL, and authorization_servers, a list of such URLs")
        }
    }

    private mutating func setFence(_ given: shttp_server_options) throws(OptionFault) {
        switch given.fence_ms {
        case 0: break
        case .max: fenceBreadth = 0
        case 1...1000: fenceBreadth = Int64(given.fence_ms)
        default: throw OptionFault("fence_ms", "is more than 1000")
        }
    }

    /// Sets a limit; 0 keeps the default.
    func set(_ field: inout Int, _ value: UInt32) {
        if value > 0 { field = Int(min(value, UInt32(Int32.max))) }
    }

    /// Sets a time; 0 keeps the default, and UINT32_MAX means never.
    func set(_ field: inout Int64?, _ value: UInt32) {
        if value > 0 { field = value == .max ? nil : Int64(value) }
    }
}

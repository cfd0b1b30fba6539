import CStreamableHTTP
import Engine
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
    /// Checks the options of a C caller; nil if a field is invalid.
    init?(_ given: shttp_server_options) {
        self.init()
        guard setModes(given), setTexts(given), setGreeting(given), setStore(given),
            setAuthorization(given), setFence(given)
        else {
            return nil
        }
        setLimits(given)
        setMemory(given)
        setTimes(given)
    }

    private mutating func setModes(_ given: shttp_server_options) -> Bool {
        isStateless = given.stateless != 0
        allowsHalfClose = given.half_close != 0
        guard given.unix_mode <= 0o777 else { return false }
        switch given.response_mode {
        case SHTTP_RESPONSE_STREAM: responseMode = .stream
        case SHTTP_RESPONSE_JSON: responseMode = .json
        case SHTTP_RESPONSE_AUTO: responseMode = .auto
        default: return false
        }
        switch given.progress_route {
        case SHTTP_PROGRESS_PRIMARY: progressRoute = .primary
        case SHTTP_PROGRESS_REQUEST: progressRoute = .request
        default: return false
        }
        switch given.log_level {
        case SHTTP_LOG_DEFAULT: logLevel = .warning
        case SHTTP_LOG_OFF: logLevel = nil
        default:
            guard let level = LogLevel(rawValue: Int32(bitPattern: given.log_level.rawValue)) else {
                return false
            }
            logLevel = level
        }
        return true
    }

    private mutating func setTexts(_ given: shttp_server_options) -> Bool {
        if let path = text(given.path) {
            let isPath =
                path.first == UInt8(ascii: "/")
                && path.allSatisfy {
                    $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
                }
            guard isPath, path.count <= 1024 else { return false }
            self.path = ByteBuffer(copying: path)
        }
        allowedOrigins = text(given.allowed_origins).map { AccessList($0) }
        allowedHosts = text(given.allowed_hosts).map { AccessList($0) }
        crossOrigins = text(given.cors_origins).map { AccessList($0) }
        return true
    }

    private mutating func setGreeting(_ given: shttp_server_options) -> Bool {
        guard let info = given.server_info.borrowed,
            let capabilities = given.server_capabilities.borrowed,
            let instructions = given.instructions.borrowed
        else { return false }
        guard info.count > 0 else { return capabilities.count == 0 && instructions.count == 0 }
        let depthMax = limits.jsonDepth
        guard JSONValue(info, depthMax: depthMax)?.isObject == true,
            UTF8Text.isValid(instructions),
            capabilities.count == 0 || JSONValue(capabilities, depthMax: depthMax)?.isObject == true
        else { return false }
        let none: StaticString = "{}"
        greeting = Greeting(
            serverInfo: info, capabilities: capabilities.count > 0 ? capabilities : none.rawBytes,
            instructions: instructions)
        return true
    }

    private mutating func setStore(_ given: shttp_server_options) -> Bool {
        hasReplay = given.replay_events_max != .max
        hasHostStore = given.event_store != nil
        return !hasHostStore || hasReplay && !isStateless
    }

    private mutating func setAuthorization(_ given: shttp_server_options) -> Bool {
        if let list = text(given.bearer_tokens) {
            guard given.authorize == 0, let tokens = BearerTokens(list) else { return false }
            authorization = .tokens(tokens)
        } else if given.authorize != 0 {
            authorization = .host
        }
        guard let document = given.resource_metadata.borrowed else { return false }
        guard document.count > 0 else { return true }
        resourceMetadata = ResourceMetadata(document, depthMax: limits.jsonDepth)
        return resourceMetadata != nil
    }

    private mutating func setFence(_ given: shttp_server_options) -> Bool {
        switch given.fence_ms {
        case 0: break
        case .max: fenceBreadth = 0
        case 1...1000: fenceBreadth = Int64(given.fence_ms)
        default: return false
        }
        return true
    }

    /// Sets a limit; 0 keeps the default.
    private func set(_ field: inout Int, _ value: UInt32) {
        if value > 0 { field = Int(min(value, UInt32(Int32.max))) }
    }

    private mutating func setLimits(_ given: shttp_server_options) {
        set(&limits.messageBytes, given.message_bytes_max)
        set(&limits.headerBytes, given.header_bytes_max)
        set(&limits.headerCount, given.headers_max)
        set(&limits.jsonDepth, given.json_depth_max)
        set(&connectionsMax, given.connections_max)
        set(&sessionsMax, given.sessions_max)
        set(&sessionRequestsMax, given.session_requests_max)
        set(&mailboxMessagesMax, given.mailbox_messages_max)
        set(&mailboxBytesMax, given.mailbox_bytes_max)
        set(&unsentBytesMax, given.unsent_bytes_max)
        set(&sessionUnsentBytesMax, given.session_unsent_bytes_max)
        set(&totalUnsentBytesMax, given.total_unsent_bytes_max)
        set(&replayEventsMax, given.replay_events_max)
        set(&replayBytesMax, given.replay_bytes_max)
        set(&replayTotalBytesMax, given.replay_total_bytes_max)
    }

    private mutating func setMemory(_ given: shttp_server_options) {
        set(&arrivingBytesMax, given.arriving_bytes_max)
        set(&requestBytesMax, given.request_bytes_max)
        set(&sessionBytesMax, given.session_bytes_max)
        set(&clientInfoBytesMax, given.client_info_bytes_max)
        set(&addressSharePercent, given.address_share_percent)
        set(&principalSharePercent, given.principal_share_percent)
    }

    private mutating func setTimes(_ given: shttp_server_options) {
        func set(_ field: inout Int64?, _ value: UInt32) {
            field = value.milliseconds(field ?? 0)
        }
        set(&sessionIdle, given.session_idle_ms)
        set(&initialize, given.initialize_ms)
        set(&keepAlive, given.keepalive_ms)
        set(&headArrival, given.header_ms)
        set(&bodyArrival, given.body_ms)
        set(&connectionIdle, given.connection_idle_ms)
        set(&replayAge, given.replay_ms)
        set(&detached, given.detached_ms)
        set(&authorizationWait, given.authorize_ms)
        set(&responseHead, given.head_ms)
    }
}

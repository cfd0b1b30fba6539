import CLibc
import CStore
import CStreamableHTTP
import Engine
import Runtime
import Session
import Wire

/// A store that a library beside this one keeps: it was loaded when the option `store` named it.
final class StoreModule {
    let sessions: shttp_session_store
    let events: shttp_event_store
    private let store: shttp_store_module

    private init(_ opened: shttp_store_module) {
        store = opened
        sessions = opened.sessions
        events = opened.events
    }

    /// Opens the store that the options name; nil if they name none.
    static func open(
        _ given: shttp_server_options, _ options: ServerOptions, for node: NodeID
    ) throws(OptionFault) -> StoreModule? {
        guard let name = text(given.store) else {
            if given.store_sync != 0 { throw OptionFault("store_sync", "needs store") }
            return nil
        }
        if given.event_store != nil || given.session_store != nil {
            throw OptionFault("store", "excludes event_store and session_store: use one of them")
        }
        if options.isStateless { throw OptionFault("store", "needs sessions: not with stateless") }
        if !options.hasReplay {
            throw OptionFault("store", "has nothing to keep: replay_events_max is UINT32_MAX")
        }
        guard let kind = Kind(name) else {
            throw OptionFault(
                "store", "is no sqlite:PATH, redis://HOST and no unix:PATH of Redis",
                part: [UInt8](name))
        }
        let opener = try load(kind)
        var terms = shttp_store_terms()
        terms.location = given.store + kind.schemeLength
        terms.event_ms = options.replayAge.map { UInt64($0) } ?? 0
        terms.session_events_max = UInt64(options.replayEventsMax)
        terms.session_bytes_max = UInt64(options.replayBytesMax)
        terms.total_bytes_max = UInt64(options.replayTotalBytesMax)
        terms.waiting_bytes_max = UInt64(
            given.store_queue_bytes_max.orDefault(OptionDefaults.storeQueueBytesMax))
        terms.sync = given.store_sync != 0 ? 1 : 0
        var answers = self.answers
        var opened = shttp_store_module()
        let reason = ByteBuffer(capacity: 512)
        var fault: OptionFault?
        reason.append(upTo: 512) { place in
            let text = place.assumingMemoryBound(to: CChar.self)
            text.pointee = 0
            let status = node.withBytes { bytes in
                terms.node = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
                return opener(
                    UInt32(SHTTP_STORE_MODULE_VERSION), &answers, &terms, &opened, text, 512)
            }
            if status != SHTTP_OK {
                fault = OptionFault(
                    "store", foreign: UnsafeRawBufferPointer(start: text, count: strnlen(text, 512))
                )
            }
        }
        if let fault { throw fault }
        return StoreModule(opened)
    }

    /// Whether several servers share it: each is a node.
    var hasNodes: Bool { store.send != nil && store.release != nil }

    var release: shttp_on_order? { store.release }

    func start(for server: OpaquePointer, on loop: UnsafeMutableRawPointer) {
        store.start?(store.store, server, loop)
    }

    func send(_ message: ByteBuffer, to node: NodeID?) {
        guard let node else {
            store.send?(store.store, nil, shttp_bytes(message))
            return
        }
        node.withBytes { bytes in
            store.send?(
                store.store, bytes.assumingMemoryBound(to: UInt8.self).baseAddress,
                shttp_bytes(message))
        }
    }

    /// Writes what waits, and ends the store. No answer of it follows.
    func close() {
        store.close?(store.store)
    }

    // MARK: The library

    /// The kinds of stores that there are modules for.
    private enum Kind {
        case sqlite
        case redis

        /// What a location has; nil for none.
        init?(_ location: UnsafeRawBufferPointer) {
            func begins(_ scheme: StaticString) -> Bool {
                let length = scheme.utf8CodeUnitCount
                return location.count > length && location.prefixBytes(length).equals(scheme)
            }
            if begins("sqlite:") {
                self = .sqlite
            } else if begins("redis:") || begins("rediss:") || begins("unix:") {
                self = .redis
            } else {
                return nil
            }
        }

        /// How much of a location the module does not get.
        var schemeLength: Int { self == .sqlite ? 7 : 0 }

        var library: StaticString {
            switch self {
            case .sqlite: "libstreamablehttp-sqlite.so.0"
            case .redis: "libstreamablehttp-redis.so.0"
            }
        }

        var package: StaticString {
            switch self {
            case .sqlite: "libstreamablehttp-sqlite0"
            case .redis: "libstreamablehttp-redis0"
            }
        }
    }

    /// Loads the library of a module: the one beside this library, or the system's.
    private static func load(_ kind: Kind) throws(OptionFault) -> shttp_store_module_opener {
        let name = kind.library
        let path = ByteBuffer()
        var place = place_of_code()
        let here: @convention(c) () -> UInt32 = shttp_version
        if find_code(unsafeBitCast(here, to: UnsafeRawPointer.self), &place) != 0,
            let file = place.file
        {
            let bytes = UnsafeRawBufferPointer(start: file, count: strlen(file))
            if let slash = bytes.lastIndex(of: UInt8(ascii: "/")) {
                path.append(bytes.prefixBytes(slash + 1))
            }
        }
        let folder = path.count
        path.append(name)
        path.append(UInt8(0))
        var library = folder > 0 ? openLibrary(path.bytes) : nil
        // Of one that is there and cannot be loaded, this says why.
        let isThere =
            folder > 0
            && path.bytes.withMemoryRebound(to: CChar.self) { path in
                path.baseAddress.map { access($0, F_OK) == 0 } ?? false
            }
        if library == nil, !isThere { library = openLibrary(path.bytes.dropBytes(folder)) }
        guard let library else {
            let reason = ByteBuffer()
            reason.append("needs the package ")
            reason.append(kind.package)
            reason.append(", or its library beside libstreamablehttp.so.0: ")
            if let fault = dlerror() {
                reason.append(UnsafeRawBufferPointer(start: fault, count: strlen(fault)))
            }
            throw OptionFault("store", foreign: reason.bytes)
        }
        guard let function = dlsym(library, "shttp_store_module_open") else {
            let reason = ByteBuffer(copying: ("needs " as StaticString).rawBytes)
            reason.append(kind.library)
            reason.append(", and found another one")
            throw OptionFault("store", foreign: reason.bytes)
        }
        return unsafeBitCast(function, to: shttp_store_module_opener.self)
    }

    private static func openLibrary(_ path: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer? {
        // It stays open: its threads and its code end with the process.
        path.baseAddress.flatMap {
            dlopen($0.assumingMemoryBound(to: CChar.self), RTLD_NOW | RTLD_LOCAL)
        }
    }

    private static var answers: shttp_store_answers {
        shttp_store_answers(
            load_finish: shttp_load_finish, load_finish_open: shttp_load_finish_open,
            load_fail: shttp_load_fail, find_finish: shttp_find_finish,
            find_finish_elsewhere: { server, load, node in
                guard let runtime = ServerHandle.runtime(server), let node = NodeID(node) else {
                    return SHTTP_ERR_INVALID_ARGUMENT
                }
                return status { () throws(CallerFault) in
                    try runtime.found(LoadKey(rawValue: load.key), at: node)
                }
            },
            kept: { server, serial in ServerHandle.runtime(server)?.kept(serial) },
            received: { server, node, message in
                guard let node = NodeID(node), let message = message.borrowed else { return }
                ServerHandle.runtime(server)?.received(message, from: node)
            },
            gone: { server, node in ServerHandle.runtime(server)?.gone(NodeID(node)) },
            lost: { server, session in
                guard let id = session.borrowed.flatMap({ SessionID(text: $0) }) else { return }
                ServerHandle.runtime(server)?.lost(id)
            },
            reached: { server, isReached in
                ServerHandle.runtime(server)?.storeReached(isReached != 0)
            },
            log: { server, level, text in
                guard let text, let level = LogLevel(rawValue: Int32(bitPattern: level.rawValue))
                else { return }
                let bytes = UnsafeRawBufferPointer(start: text, count: strnlen(text, 512))
                ServerHandle.runtime(server)?.report(level, bytes)
            })
    }
}

extension NodeID {
    /// A module's node; nil for NULL.
    fileprivate init?(_ bytes: UnsafePointer<UInt8>?) {
        guard let bytes else { return nil }
        self.init(UnsafeRawBufferPointer(start: bytes, count: NodeID.length))
    }
}

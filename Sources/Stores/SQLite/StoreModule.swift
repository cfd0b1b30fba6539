import CLibc
import CStore
import CStreamableHTTP
import StoreShared

/// The module's one function.
@_cdecl("shttp_store_module_open") @implementation
public func shttp_store_module_open(
    _ version: UInt32, _ answers: UnsafePointer<shttp_store_answers>?,
    _ terms: UnsafePointer<shttp_store_terms>?, _ out: UnsafeMutablePointer<shttp_store_module>?,
    _ reason: UnsafeMutablePointer<CChar>?, _ reasonSize: Int
) -> shttp_status {
    guard version == SHTTP_STORE_MODULE_VERSION else {
        var text = Text()
        text.append("libstreamablehttp-sqlite is not of the library's version; install both anew")
        text.write(to: reason, size: reasonSize)
        return SHTTP_ERR_INVALID_OPTION
    }
    guard let answers, let terms, let out, let location = terms.pointee.location else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    Family.watch()
    do throws(OpenFault) {
        guard strlen(location) > 0, strcmp(location, ":memory:") != 0 else {
            throw OpenFault.isNoPath
        }
        let path = try Database.resolve(location)
        let store = Store(path, Terms(terms.pointee), answers.pointee)
        try store.start()
        fill(&out.pointee, with: Unmanaged.passRetained(store).toOpaque())
        return SHTTP_OK
    } catch {
        error.text(location).write(to: reason, size: reasonSize)
        return error.status
    }
}

private func fill(_ module: inout shttp_store_module, with store: UnsafeMutableRawPointer) {
    module.sessions = shttp_session_store(
        struct_size: MemoryLayout<shttp_session_store>.size,
        keep: { put(.keepSession, $0, $1, $2) },
        touch: { put(.touchSession, $0, $1, $2) },
        find: { put(.findSession, $0, $1, $2) },
        forget: { put(.forgetSession, $0, $1, $2) },
        user_data: store)
    module.events = shttp_event_store(
        struct_size: MemoryLayout<shttp_event_store>.size,
        keep: { put(.keep, $0, $1, $2) },
        end: { put(.end, $0, $1, $2) },
        load: { put(.load, $0, $1, $2) },
        forget: { put(.forgetEvents, $0, $1, $2) },
        user_data: store,
        begin: { put(.begin, $0, $1, $2) })
    module.store = store
    module.close = { store in
        guard let store else { return }
        let reference = Unmanaged<Store>.fromOpaque(store)
        // A forked child has a copy of the memory, but the database is its parent's.
        if reference._withUnsafeGuaranteedRef({ $0.isInherited }) { return }
        reference.takeRetainedValue().close()
    }
}

@inline(__always)
private func put(
    _ kind: OrderKind, _ server: OpaquePointer?, _ order: UnsafePointer<shttp_store_order>?,
    _ store: UnsafeMutableRawPointer?
) {
    guard let order, let store else { return }
    let hasRecord = kind == .keepSession || kind == .begin
    Unmanaged<Store>.fromOpaque(store)._withUnsafeGuaranteedRef {
        let text = hasRecord ? order.pointee.record : order.pointee.message
        $0.put(kind, order.pointee, text: text, for: server)
    }
}

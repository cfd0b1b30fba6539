import CLibc
import CLibuv
import CStore
import CStreamableHTTP
import StoreShared

/// The module's one function. It does not connect: that begins with `start`.
@_cdecl("shttp_store_module_open") @implementation
public func shttp_store_module_open(
    _ version: UInt32, _ answers: UnsafePointer<shttp_store_answers>?,
    _ terms: UnsafePointer<shttp_store_terms>?, _ out: UnsafeMutablePointer<shttp_store_module>?,
    _ reason: UnsafeMutablePointer<CChar>?, _ reasonSize: Int
) -> shttp_status {
    guard version == SHTTP_STORE_MODULE_VERSION else {
        var text = Text()
        text.append("libstreamablehttp-redis is not of the library's version; install both anew")
        text.write(to: reason, size: reasonSize)
        return SHTTP_ERR_INVALID_OPTION
    }
    guard let answers, let terms, let out, let location = terms.pointee.location,
        let node = terms.pointee.node
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    Family.watch()
    do throws(LocationFault) {
        let location = try Location(
            UnsafeRawBufferPointer(start: location, count: strlen(location)))
        let terms = Terms(terms.pointee, NodeName(node))
        let store = Store(location, terms, answers.pointee)
        fill(&out.pointee, with: Unmanaged.passRetained(store).toOpaque())
        return SHTTP_OK
    } catch {
        error.text.write(to: reason, size: reasonSize)
        return SHTTP_ERR_INVALID_OPTION
    }
}

private func fill(_ module: inout shttp_store_module, with store: UnsafeMutableRawPointer) {
    module.sessions = shttp_session_store(
        struct_size: MemoryLayout<shttp_session_store>.size,
        keep: { _, order, store in put(.keepSession, order, store) },
        touch: { _, order, store in put(.touchSession, order, store) },
        find: { _, order, store in put(.findSession, order, store) },
        forget: { _, order, store in put(.forgetSession, order, store) },
        user_data: store)
    module.events = shttp_event_store(
        struct_size: MemoryLayout<shttp_event_store>.size,
        keep: { _, order, store in put(.keep, order, store) },
        end: { _, order, store in put(.end, order, store) },
        load: { _, order, store in put(.load, order, store) },
        forget: { _, order, store in put(.forgetEvents, order, store) },
        user_data: store,
        begin: { _, order, store in put(.begin, order, store) })
    module.store = store
    module.start = { store, server, loop in
        guard let store, let loop else { return }
        let uv = loop.assumingMemoryBound(to: uv_loop_t.self)
        Unmanaged<Store>.fromOpaque(store)._withUnsafeGuaranteedRef {
            $0.start(for: server, on: uv)
        }
    }
    module.release = { _, order, store in put(.releaseSession, order, store) }
    module.send = { store, node, message in
        guard let store else { return }
        Unmanaged<Store>.fromOpaque(store)._withUnsafeGuaranteedRef {
            $0.send(UnsafeRawBufferPointer(message), to: node.map { NodeName($0) })
        }
    }
    module.close = { store in
        guard let store else { return }
        let reference = Unmanaged<Store>.fromOpaque(store)
        // A forked child has a copy of the memory, but the connections are its parent's.
        if reference._withUnsafeGuaranteedRef({ $0.isInherited }) { return }
        reference.takeRetainedValue().close()
    }
}

private func put(
    _ kind: OrderKind, _ order: UnsafePointer<shttp_store_order>?, _ store: UnsafeMutableRawPointer?
) {
    guard let order, let store else { return }
    let hasRecord = kind == .keepSession || kind == .begin
    Unmanaged<Store>.fromOpaque(store)._withUnsafeGuaranteedRef {
        let text = hasRecord ? order.pointee.record : order.pointee.message
        $0.put(kind, order.pointee, text: text)
    }
}

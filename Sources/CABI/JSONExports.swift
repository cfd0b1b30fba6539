import CStreamableHTTP
import Engine
import Wire

@_cdecl("shttp_json_find") @implementation
public func shttp_json_find(
    _ json: shttp_bytes, _ pointer: UnsafePointer<CChar>!, _ out: UnsafeMutablePointer<shttp_bytes>!
) -> shttp_status {
    guard let json = json.borrowed, let pointer = text(pointer), let out else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard let value = JSONValue.find(pointer, in: json) else { return SHTTP_ERR_NOT_FOUND }
    out.pointee = shttp_bytes(value.text)
    return SHTTP_OK
}

@_cdecl("shttp_event_parse") @implementation
public func shttp_event_parse(
    _ event: UnsafePointer<shttp_event>!,
    _ out: UnsafeMutablePointer<UnsafePointer<JSONNode>?>!
) -> shttp_status {
    guard let event = BorrowedEvent.event(behind: event), let out else {
        return SHTTP_ERR_INVALID_ARGUMENT
    }
    guard event.message != nil else { return SHTTP_ERR_NOT_FOUND }
    guard let tree = event.tree else { return SHTTP_ERR_NOT_REPRESENTABLE }
    out.pointee = tree.root
    return SHTTP_OK
}

@_cdecl("shttp_event_document") @implementation
public func shttp_event_document(_ event: UnsafePointer<shttp_event>!) -> UnsafePointer<JSONNode>! {
    BorrowedEvent.event(behind: event)?.tree?.root
}

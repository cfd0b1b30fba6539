import CStreamableHTTP

@_cdecl("shttp_version") @implementation
public func shttp_version() -> UInt32 { UInt32(SHTTP_VERSION_NUMBER) }

@_cdecl("shttp_abi_version") @implementation
public func shttp_abi_version() -> UInt32 { UInt32(SHTTP_ABI_VERSION) }

@_cdecl("shttp_status_name") @implementation
public func shttp_status_name(_ status: shttp_status) -> UnsafePointer<CChar>! {
    UnsafeRawPointer(statusName(status.rawValue).utf8Start).assumingMemoryBound(to: CChar.self)
}

@_cdecl("shttp_status_text") @implementation
public func shttp_status_text(_ status: shttp_status) -> UnsafePointer<CChar>! {
    UnsafeRawPointer(statusText(status.rawValue).utf8Start).assumingMemoryBound(to: CChar.self)
}

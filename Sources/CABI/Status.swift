import CStreamableHTTP
import Engine
import Runtime

/// Maps every fault to its status.
func status(_ fault: CallerFault) -> shttp_status {
    switch fault {
    case .invalidMessage: SHTTP_ERR_INVALID_MESSAGE
    case .tooDeep: SHTTP_ERR_TOO_DEEP
    case .notFound: SHTTP_ERR_NOT_FOUND
    case .disconnected: SHTTP_ERR_DISCONNECTED
    case .sessionEnded: SHTTP_ERR_SESSION_ENDED
    case .cancelled: SHTTP_ERR_CANCELLED
    case .stateless: SHTTP_ERR_STATELESS
    case .jsonResponse: SHTTP_ERR_JSON_RESPONSE
    case .noStream: SHTTP_ERR_NO_STREAM
    case .notReady: SHTTP_ERR_NOT_READY
    case .notResumable: SHTTP_ERR_NOT_RESUMABLE
    case .limit: SHTTP_ERR_LIMIT
    case .noCapability: SHTTP_ERR_NO_CAPABILITY
    case .noCalls: SHTTP_ERR_NO_CALLS
    case .closed: SHTTP_ERR_CLOSED
    }
}

func status(_ fault: SystemFault) -> shttp_status {
    switch fault {
    case .addressInUse: SHTTP_ERR_ADDRESS_IN_USE
    case .addressUnavailable, .directoryMissing: SHTTP_ERR_ADDRESS_UNAVAILABLE
    case .permission: SHTTP_ERR_PERMISSION
    case .descriptors: SHTTP_ERR_DESCRIPTORS
    case .other: SHTTP_ERR_SYSTEM
    }
}

func status(_ fault: RuntimeFault) -> shttp_status {
    switch fault {
    case .wrongThread: SHTTP_ERR_WRONG_THREAD
    case .busy: SHTTP_ERR_BUSY
    case .closed: SHTTP_ERR_CLOSED
    case .notFound: SHTTP_ERR_NOT_FOUND
    case .system(let fault): status(fault)
    }
}

/// Runs the body of a thunk, and returns its result as a status.
func status(of body: () throws(CallerFault) -> Void) -> shttp_status {
    do {
        try body()
        return SHTTP_OK
    } catch {
        return status(error)
    }
}

func status(of body: () throws(RuntimeFault) -> Void) -> shttp_status {
    do {
        try body()
        return SHTTP_OK
    } catch {
        return status(error)
    }
}

import CStreamableHTTP
import Engine
import Link
import Runtime
import Session

@_cdecl("shttp_authorization_refuse") @implementation
public func shttp_authorization_refuse(
    _ server: OpaquePointer!, _ authorization: shttp_authorization, _ reason: shttp_refusal,
    _ scope: shttp_bytes, _ description: shttp_bytes
) -> shttp_status {
    guard let runtime = ServerHandle.runtime(server), let scope = scope.borrowed,
        let description = description.borrowed, let cause = cause(reason),
        let challenge = Challenge(cause, scope: scope, description: description)
    else { return SHTTP_ERR_INVALID_ARGUMENT }
    return status { () throws(CallerFault) in
        try runtime.refuse(AuthorizationKey(rawValue: authorization.key), challenge)
    }
}

private func cause(_ reason: shttp_refusal) -> Challenge.Cause? {
    switch reason {
    case SHTTP_REFUSE_NO_CREDENTIALS: .credentialsMissing
    case SHTTP_REFUSE_INVALID_TOKEN: .invalidToken
    case SHTTP_REFUSE_INSUFFICIENT_SCOPE: .insufficientScope
    default: nil
    }
}

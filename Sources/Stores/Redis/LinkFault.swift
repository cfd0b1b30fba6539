import CLibc
import CLibuv
import StoreShared

/// Why Redis cannot be used for now.
enum LinkFault: Error {
    /// An error of the system, by its number.
    case system(Int32)
    /// An error of uv_getaddrinfo().
    case hasNoAddress(Int32)
    case hasClosed
    case isSilent
    /// It is no Redis, or sends what nobody asked for.
    case speaksOtherwise
    case answersTooMuch
    /// What Redis has said, and what to do.
    case refuses(Text)
    case isFull
    /// It is one server of a Redis Cluster, and all of them must be known.
    case isCluster
    case hasFreeSlots
    case hasNameOnly

    static func refuses(_ error: RedisError) -> LinkFault {
        var text = Text()
        error.append(to: &text)
        if error.isAboutCluster {
            text.append(": the servers of the Redis Cluster are looked up again")
        } else if error.isAboutSyntax {
            text.append(": Redis 6.2 or newer is needed")
        } else if error.isAboutPermission {
            text.append(": allow the user the commands and keys of docs/STORES.md")
        } else if error.isAboutPassword {
            text.append(": correct user and password in store, or those of Redis")
        }
        return .refuses(text)
    }

    func append(to text: inout Text) {
        switch self {
        case .system(let number): text.append(strerror(number))
        case .hasNoAddress(let number): text.append(uv_strerror(number))
        case .hasClosed: text.append("the connection was closed")
        case .isSilent: text.append("it does not answer")
        case .speaksOtherwise: text.append("what answers is no Redis")
        case .answersTooMuch: text.append("an answer or a message is too large")
        case .refuses(let reason): text.append(reason)
        case .isFull: text.append("too much waits to be written")
        case .isCluster: text.append("it is a Redis Cluster")
        case .hasFreeSlots: text.append("not all slots of the Redis Cluster have a server")
        case .hasNameOnly:
            text.append("the Redis Cluster does not say the addresses of all its servers")
        }
    }
}

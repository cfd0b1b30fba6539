import CHiredis
import CLibc
import StoreShared

/// An answer of Redis, or a part of one. What a peer sends can have any form: what is not there, or
/// is something else, is nil.
struct Reply {
    private let reply: UnsafeMutablePointer<redisReply>

    init(_ reply: UnsafeMutablePointer<redisReply>) { self.reply = reply }

    /// Only of a whole answer.
    func free() { freeReplyObject(reply) }

    private var type: Int32 { reply.pointee.type }

    var number: Int64? { type == REDIS_REPLY_INTEGER ? reply.pointee.integer : nil }

    /// A text, or a status such as OK.
    var bytes: UnsafeRawBufferPointer? {
        type == REDIS_REPLY_STRING || type == REDIS_REPLY_STATUS ? text : nil
    }

    var error: RedisError? { type == REDIS_REPLY_ERROR ? RedisError(text) : nil }

    /// The number of its parts; nil if it is no array.
    var count: Int? { type == REDIS_REPLY_ARRAY ? reply.pointee.elements : nil }

    subscript(_ index: Int) -> Reply? {
        guard let count, index < count, let part = reply.pointee.element[index] else { return nil }
        return Reply(part)
    }

    private var text: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: reply.pointee.str, count: reply.pointee.len)
    }
}

/// Why Redis has not done something.
struct RedisError {
    private let message: UnsafeRawBufferPointer

    /// Which begins a text without keys or passwords.
    private static let textMax = 160

    init(_ message: UnsafeRawBufferPointer) { self.message = message }

    /// Whether it may be done later, or by another server, so that nothing is lost by waiting.
    /// Until Redis 6 the reason stands within what is said of a script.
    var isTemporary: Bool {
        let isOfScript = begins("ERR Error running script")
        for word in RedisError.temporary where begins(word) || isOfScript && has(word) {
            return true
        }
        return false
    }

    var isAboutPassword: Bool { begins("WRONGPASS") || begins("NOAUTH") || has("AUTH") }
    var isAboutSyntax: Bool { begins("ERR syntax error") }
    var isAboutPermission: Bool { begins("NOPERM") }
    var isAboutCluster: Bool { begins("MOVED") || begins("ASK ") || begins("CROSSSLOT") }

    /// Whether the slot is on its way from one server of a cluster to another.
    var isAboutMigration: Bool { begins("ASK ") || begins("TRYAGAIN") }

    /// Which slot is at which server now.
    var move: (slot: Int, server: Address)? {
        guard begins("MOVED ") else { return nil }
        let words = message.split(separator: UInt8(ascii: " "), maxSplits: 3)
        guard words.count == 3, let slot = RedisError.number(words[1]),
            let colon = words[2].lastIndex(of: UInt8(ascii: ":")),
            let port = RedisError.number(words[2][(colon + 1)...]).flatMap({ UInt16(exactly: $0) }),
            let server = Address(
                host: UnsafeRawBufferPointer(rebasing: words[2][..<colon]), port: port)
        else { return nil }
        return (slot, server)
    }

    private static func number(_ text: Slice<UnsafeRawBufferPointer>) -> Int? {
        var number = 0
        guard text.count > 0, text.count < 7 else { return nil }
        for character in text {
            guard character >= UInt8(ascii: "0"), character <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + Int(character - UInt8(ascii: "0"))
        }
        return number
    }

    private static let temporary: [StaticString] = [
        "NOSCRIPT", "LOADING", "READONLY", "MISCONF", "OOM ", "BUSY", "NOAUTH", "WRONGPASS",
        "NOPERM", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK ",
    ]

    /// What Redis says, up to where it quotes: that may be a password or the id of a session.
    func append(to text: inout Text) {
        var count = 0
        while count < min(message.count, RedisError.textMax) {
            let character = message[count]
            if character < 32 || character > 126 || character == UInt8(ascii: "'")
                || character == UInt8(ascii: "`") || character == UInt8(ascii: "\"")
            {
                break
            }
            count += 1
        }
        text.append(
            message.baseAddress?.assumingMemoryBound(to: CChar.self), atMost: count)
    }

    private func begins(_ word: StaticString) -> Bool {
        message.count >= word.utf8CodeUnitCount && isThere(word, at: 0)
    }

    private func has(_ word: StaticString) -> Bool {
        var place = 0
        while place + word.utf8CodeUnitCount <= message.count {
            if isThere(word, at: place) { return true }
            place += 1
        }
        return false
    }

    private func isThere(_ word: StaticString, at place: Int) -> Bool {
        guard let start = message.baseAddress else { return false }
        return memcmp(start + place, word.utf8Start, word.utf8CodeUnitCount) == 0
    }
}

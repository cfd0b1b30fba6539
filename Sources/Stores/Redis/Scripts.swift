import CStreamableHTTP

/// What Redis does in one step: each is a script in Lua. Their keys are a session's: its hash, its
/// events, its streams. The first argument is this node.
///
/// docs/STORES.md describes keys and fields.
enum Script: Int, CaseIterable {
    case keepSession
    case touchSession
    case findSession
    case forgetSession
    case releaseSession
    /// Orders for streams of a session: four arguments each, of which the first is the kind.
    case write
    case load
    case forgetEvents
    case check
    case drop

    /// What a script answers instead of a count.
    static let isNotOwner: Int64 = -1
    static let isOtherVersion: Int64 = -2

    /// The most bytes of messages in one answer. More than that fails.
    private static let loadMax: UInt64 = 64 << 20

    /// Appends its text for a store with these terms.
    func append(to text: ByteQueue, _ terms: Terms) {
        Script.append("eventMs", terms.eventMs, to: text)
        Script.append("eventSlackMs", terms.eventSlackMs, to: text)
        Script.append("eventsMax", terms.sessionEventsMax, to: text)
        Script.append("eventsSlack", terms.sessionEventsSlack, to: text)
        Script.append("bytesMax", terms.sessionBytesMax, to: text)
        Script.append("unkeptMs", terms.unkeptMs, to: text)
        Script.append("loadMax", Script.loadMax, to: text)
        switch self {
        case .findSession, .load: break
        case .write: text.append(Script.witness)
        default: text.append(Script.guardian)
        }
        switch self {
        case .write: text.append(Script.additions)
        case .keepSession, .touchSession: text.append(Script.expiry)
        default: break
        }
        text.append(body)
    }

    private static func append(_ name: StaticString, _ value: UInt64, to text: ByteQueue) {
        text.append("local ")
        text.append(name)
        text.append(" = ")
        text.append(decimal: min(value, 1 << 50))
        text.append("\n")
    }

    /// Nothing is done to a session of another node, or with another version of the schema.
    private static let guardian: StaticString = """
        local kept = redis.call('HMGET', KEYS[1], 'version', 'owner')
        if kept[1] and kept[1] ~= '1' then return -2 end
        if kept[1] and kept[2] ~= ARGV[1] then return -1 end

        """

    /// A node that drains ends its streams when the session is another one's already, and one that
    /// has lost a session hears of it. Streams are one node's; what is told twice is recognized.
    private static let witness: StaticString = """
        local kept = redis.call('HMGET', KEYS[1], 'version', 'owner')
        if kept[1] and kept[1] ~= '1' then return -2 end
        local done = kept[1] and kept[2] ~= ARGV[1] and -1 or 1

        """

    /// All keys of a session live as long as its hash; its events only as long as the last of them,
    /// if they have an age.
    private static let expiry: StaticString = """
        local function expire(key, ms)
          if ms > 0 then redis.call('PEXPIRE', key, ms) else redis.call('PERSIST', key) end
        end
        local function live(ms)
          expire(KEYS[1], ms)
          expire(KEYS[3], ms)
          if eventMs == 0 then expire(KEYS[2], ms) end
        end

        """

    private static let additions: StaticString = """
        local function settle()
          local ms = redis.call('PTTL', KEYS[1])
          if ms == -2 then ms = unkeptMs end
          if ms > 0 then
            redis.call('PEXPIRE', KEYS[3], ms)
            if eventMs == 0 then redis.call('PEXPIRE', KEYS[2], ms) end
          end
        end

        local function cut()
          local sum, newest, place = 0, false, '+'
          while true do
            local part = redis.call('XREVRANGE', KEYS[2], place, '-', 'COUNT', 32)
            for _, entry in ipairs(part) do
              local size = #(entry[2][6] or '')
              if sum + size > (newest and bytesMax * 0.75 or bytesMax) then
                if newest then
                  redis.call('XTRIM', KEYS[2], 'MINID', newest)
                else
                  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
                end
                return sum
              end
              sum = sum + size
              newest = entry[1]
            end
            if #part < 32 then return sum end
            place = '(' .. newest
          end
        end

        local function trim(id, added)
          local count = redis.call('XLEN', KEYS[2])
          if eventsMax > 0 and count > eventsMax + eventsSlack then
            redis.call('XTRIM', KEYS[2], 'MAXLEN', eventsMax)
          end
          if eventMs == 0 then
            if count <= added then settle() end
            return
          end
          local left = redis.call('PTTL', KEYS[2])
          if left < eventMs or left > eventMs + eventSlackMs then
            local ms = tonumber(string.match(id, '^%d+'))
            redis.call('XTRIM', KEYS[2], 'MINID', math.max(ms - eventMs, 0))
            redis.call('PEXPIRE', KEYS[2], eventMs + eventSlackMs)
          end
        end

        """

    private var body: StaticString {
        switch self {
        case .keepSession:
            """
            redis.call('HSET', KEYS[1], 'version', '1', 'owner', ARGV[1], 'record', ARGV[3])
            live(tonumber(ARGV[2]))
            return 1
            """
        case .touchSession:
            """
            if not kept[1] then return 0 end
            live(tonumber(ARGV[2]))
            return 1
            """
        case .findSession:
            """
            local kept = redis.call('HMGET', KEYS[1], 'version', 'owner', 'record')
            if not kept[1] then return 0 end
            if kept[1] ~= '1' then return -2 end
            local owner = kept[2] or ''
            if owner ~= '' and owner ~= ARGV[1] and owner ~= ARGV[2] then return {owner} end
            redis.call('HSET', KEYS[1], 'owner', ARGV[1])
            return {owner, kept[3] or ''}
            """
        case .forgetSession:
            """
            redis.call('DEL', KEYS[1])
            redis.call('PEXPIRE', KEYS[3], unkeptMs)
            if eventMs == 0 then redis.call('PEXPIRE', KEYS[2], unkeptMs) end
            return 1
            """
        case .releaseSession:
            """
            if not kept[1] then return 0 end
            redis.call('HSET', KEYS[1], 'owner', '')
            return 1
            """
        case .write:
            """
            local id, added, size, isNew = false, 0, 0, false
            local function add(...)
              id = redis.call('XADD', KEYS[2], '*', 's', ...)
              added = added + 1
            end
            for place = 2, #ARGV, 4 do
              local kind, stream, number, text = unpack(ARGV, place, place + 3)
              local n, r = 'n' .. stream, 'r' .. stream
              local last = redis.call('HGET', KEYS[3], n)
              local isKnown = last and tonumber(number) <= (tonumber(last) or 0)
              if kind == 'b' then
                redis.call('HSETNX', KEYS[3], r, text)
                if not last then redis.call('HSET', KEYS[3], n, 0) end
                isNew = isNew or not last
              elseif kind == 'e' or kind == 'l' and isKnown then
                if last then
                  add(stream, 'e', last)
                  redis.call('HDEL', KEYS[3], n, r)
                end
              elseif kind == 'l' then
                add(stream, 'n', number, 'm', text, 'e', 1)
                size = size + #text
                if last then redis.call('HDEL', KEYS[3], n, r) end
              elseif not isKnown then
                if kind == 'k' then add(stream, 'n', number, 'm', text) end
                size = size + #text
                redis.call('HSET', KEYS[3], n, number)
                isNew = isNew or not last
              end
            end
            if isNew then settle() end
            if id then trim(id, added) end
            if size > 0 and bytesMax > 0 then
              local bytes = redis.call('HINCRBY', KEYS[3], 'bytes', size)
              if bytes == size then settle() end
              if bytes > bytesMax then redis.call('HSET', KEYS[3], 'bytes', cut()) end
            end
            return done
            """
        case .load:
            """
            local after, oldest = tonumber(ARGV[3]), 0
            local kept = redis.call('HMGET', KEYS[3], 'n' .. ARGV[2], 'r' .. ARGV[2])
            local last, record = kept[1], kept[2] or ''
            if last and tonumber(last) <= after then return {0, last, record} end
            if eventMs > 0 then
              local now = redis.call('TIME')
              oldest = now[1] * 1000 + math.floor(now[2] / 1000) - eventMs
            end
            local found, size, ended, seen, place = {}, 0, false, false, '+'
            local function collect(part)
              for _, entry in ipairs(part) do
                if tonumber(string.match(entry[1], '^%d+')) < oldest then return true end
                local fields = entry[2]
                if fields[2] == ARGV[2] then
                  seen = true
                  if fields[3] == 'e' or fields[7] == 'e' then
                    found, size, ended = {}, 0, fields[4]
                  end
                  if fields[3] == 'n' then
                    if tonumber(fields[4]) <= after then return true end
                    found[#found + 1] = fields[4]
                    found[#found + 1] = fields[6]
                    size = size + #fields[6]
                    if size > loadMax then
                      seen, last = false, false
                      return true
                    end
                  end
                end
              end
            end
            while true do
              local part = redis.call('XREVRANGE', KEYS[2], place, '-', 'COUNT', 64)
              if collect(part) or #part < 64 then break end
              place = '(' .. part[64][1]
            end
            if not seen and not last then return 0 end
            return {ended and 1 or 0, ended or last or '0', record, found}
            """
        case .forgetEvents: "return redis.call('DEL', KEYS[2], KEYS[3])"
        case .check: "return 1"
        case .drop:
            """
            if not kept[1] then return 0 end
            return redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
            """
        }
    }
}

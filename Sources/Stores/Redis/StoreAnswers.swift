import CStreamableHTTP
import StoreShared

/// What Redis answers, and what the other nodes say.
extension Store {
    /// The answer to the first order that waits for one.
    func take(answer reply: Reply) throws(LinkFault) {
        // It was not done, and will be.
        if let error = reply.error, error.isTemporary, let link {
            guard link.follow(error, after: queue.redirections) else { throw link.fault(error) }
            if let order = queue.removeAnswered() { redirect(order) }
            while let order = queue.removeJoined() { queue.redirect(order) }
            return
        }
        guard let order = queue.removeAnswered() else { throw .speaksOtherwise }
        defer { order.free() }
        while let joined = queue.removeJoined() { joined.free() }
        if let error = reply.error { return refuse(order, error) }
        switch order.kind {
        case .keepSession, .touchSession, .begin, .keep, .keepLast, .lose, .end:
            tellLost(order.session, reply)
        case .check:
            checksUnderWay -= 1
            tellLost(order.session, reply)
        case .forgetSession, .releaseSession, .forgetEvents: break
        case .findSession: found(order, reply)
        case .load: loaded(order, reply)
        case .tellNode: if reply.number == 0 { noteUnheard(order.node) }
        case .tellAll, .refresh, .farewell, .ping: break
        case .probeKey: probes.note(order.node, hasKey: reply.number == 1)
        case .probeChannel: try probed(order.node, reply)
        case .scan: try scanned(reply, at: order.place)
        case .drop: endEmptying(1)
        }
    }

    /// A message had no subscriber. A server of a cluster counts only its own, and passes the
    /// message on to the others.
    private func noteUnheard(_ node: NodeName) {
        guard link?.isCluster ?? false else { return host.tellGone(node) }
        probes.watch(node, at: MonotonicClock.now)
    }

    private func redirect(_ order: Order) {
        // The slot of this node's key may have moved, too, and then the link is made anew.
        if !queue.isRedirecting, order.kind != .refresh { queue.insert(Order(.refresh)) }
        queue.redirect(order)
    }

    /// Redis will never do it: somebody else has written to one of the keys.
    private func refuse(_ order: Order, _ error: RedisError) {
        var text = Text()
        error.append(to: &text)
        log(.warning, "Redis refuses what the store has for it:", about: .refusal, text)
        switch order.kind {
        case .findSession, .load: host.fail(order.load)
        case .scan, .drop: endEmptying(1)
        case .check: checksUnderWay -= 1
        default: break
        }
    }

    /// A session is another node's.
    private func tellLost(_ session: UnsafeRawBufferPointer, _ reply: Reply) {
        if reply.number == Script.isOtherVersion { return warnOfVersion() }
        guard reply.number == Script.isNotOwner else { return }
        // Usually several orders for it are under way.
        if lostSession.withUnsafeBytes({ isEqual($0, session) }) { return }
        lostSession = Array(session)
        host.tellLost(session)
    }

    private func warnOfVersion() {
        log(
            .warning,
            "Redis has sessions of another version of the store, which are left as they are:",
            about: .version, location.text)
    }

    // MARK: Sessions

    private func found(_ search: Order, _ reply: Reply) {
        if let number = reply.number {
            if number == Script.isOtherVersion { warnOfVersion() }
            return host.finish(search.load, record: .none)
        }
        guard let owner = reply[0]?.bytes else { return host.fail(search.load) }
        let node = NodeName.parse(owner)
        if let record = reply[1]?.bytes {
            // Whoever had it may be alive after all.
            if let node, node != terms.node { send(.taken, search.session, to: node) }
            return host.finish(search.load, record: record)
        }
        // What is no name is nobody's.
        guard let node else { return searchAgain(search, instead: owner) }
        let now = MonotonicClock.now
        if let isAlive = probes.verdict(on: node, at: now) {
            decide(search, node, isAlive: isAlive)
        } else {
            let again = Order(.findSession, load: search.load.key, session: search.session)
            if probes.wait(again, for: node, at: now) { return }
            again.free()
            host.fail(search.load)
        }
    }

    private func decide(_ search: Order, _ owner: NodeName, isAlive: Bool) {
        if isAlive { return host.finish(search.load, elsewhere: owner) }
        let name = ByteQueue()
        owner.withBytes { name.append(hexadecimal: $0) }
        searchAgain(search, instead: name.bytes)
    }

    /// Takes a session from its owner, if that is still the same one.
    private func searchAgain(_ search: Order, instead owner: UnsafeRawBufferPointer) {
        append(
            Order(
                .findSession, load: search.load.key, session: search.session, stream: owner))
    }

    private func probed(_ owner: NodeName, _ reply: Reply) throws(LinkFault) {
        guard let subscribers = reply[1]?.number else { throw .speaksOtherwise }
        var searches: [Order] = []
        let isAlive = probes.note(
            owner, subscribers: subscribers, inCluster: link?.isCluster ?? false,
            at: MonotonicClock.now, graceEnd: graceEnd, &searches)
        guard let isAlive else { return }
        if !isAlive {
            host.tellGone(owner)
            peers.remove(owner)
        }
        for search in searches {
            decide(search, owner, isAlive: isAlive)
            search.free()
        }
    }

    // MARK: Streams

    /// Fails if a message is missing: the client would not notice.
    private func loaded(_ question: Order, _ reply: Reply) {
        guard let ended = reply[0]?.number, let lastText = reply[1]?.bytes,
            let record = reply[2]?.bytes, let last = Store.number(lastText)
        else { return host.fail(question.load) }
        var messages: [shttp_bytes] = []
        var number = question.number
        let found = reply[3]
        var index = found?.count ?? 0
        // The newest one is the first.
        while index >= 2, let text = found?[index - 2]?.bytes, let next = Store.number(text),
            let message = found?[index - 1]?.bytes
        {
            index -= 2
            if next <= number { continue }
            guard next - 1 == number else { return host.fail(question.load) }
            number = next
            messages.append(shttp_bytes(message))
        }
        guard index == 0, last <= number else { return host.fail(question.load) }
        host.finish(question.load, messages, record: ended == 0 ? record : nil)
    }

    private static func number(_ text: UnsafeRawBufferPointer) -> UInt64? {
        var number: UInt64 = 0
        for character in text {
            let digit = character &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, isLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isTooLarge) = tens.addingReportingOverflow(UInt64(digit))
            guard !isLarge, !isTooLarge else { return nil }
            number = sum
        }
        return text.count > 0 ? number : nil
    }

    // MARK: Messages

    /// What comes on one of the channels: the word `message`, the channel, and the message.
    func take(message reply: Reply) throws(LinkFault) {
        if let error = reply.error { throw .refuses(error) }
        guard reply.count == 3, let word = reply[0]?.bytes, word.count == 7,
            let channel = reply[1]?.bytes, let bytes = reply[2]?.bytes,
            let frame = Frame.parse(bytes), frame.sender != terms.node
        else { return }
        let forAll = !writer.isChannelOfNode(channel)
        switch peers.hear(frame, forAll: forAll) {
        case .isRepeated: return
        case .isBehindGap: host.tellGone(frame.sender)
        case .isNext: break
        }
        switch frame.kind {
        case .message: host.receive(frame.content, from: frame.sender)
        // Redis knows whether that is so.
        case .taken:
            let order = Order(.check, session: frame.content)
            guard queue.hasRoom(for: order.size) else { return order.free() }
            checksUnderWay += 1
            append(order)
        }
    }

    // MARK: Emptying

    /// Removes all sessions of this node.
    func beginEmptying() {
        let start = ByteQueue()
        start.append("0")
        emptyingCount = link?.commands.count ?? 0
        for place in 0..<emptyingCount {
            queue.insert(Order(.scan, place: place, text: start.bytes))
        }
    }

    private func scanned(_ reply: Reply, at place: Int) throws(LinkFault) {
        guard let cursor = reply[0]?.bytes, let keys = reply[1], let count = keys.count else {
            throw .speaksOtherwise
        }
        for index in 0..<count {
            guard let key = keys[index]?.bytes, let session = writer.session(of: key) else {
                continue
            }
            emptyingCount += 1
            queue.insert(Order(.drop, session: session))
        }
        if cursor.count != 1 || cursor[0] != UInt8(ascii: "0") {
            emptyingCount += 1
            queue.insert(Order(.scan, place: place, text: cursor))
        }
        endEmptying(1)
    }

    private func endEmptying(_ count: Int) {
        emptyingCount -= count
        if emptyingCount == 0 { mustEmpty = false }
    }
}

/// The other nodes: what was last sent to each, and heard of it.
struct Peers {
    private struct Peer {
        let name: NodeName
        /// The number of the last frame that was sent to it.
        var sent: UInt64 = 0
        /// The numbers of the last frames from it: to this node, and to all.
        var heard: UInt64 = 0
        var heardByAll: UInt64 = 0
        /// Whether frames may be missing without a word, as that was told already.
        var isNew = true
        var isNewToAll = true
        /// When it was last used.
        var age: UInt64 = 0
    }

    enum Verdict {
        case isNext
        /// It was heard before.
        case isRepeated
        /// Others before it are missing.
        case isBehindGap
    }

    private var peers: [Peer] = []
    /// The number of the last frame of this node.
    private var number: UInt64 = 0
    private var sentToAll: UInt64 = 0
    private var uses: UInt64 = 0

    /// More nodes than this are forgotten, those that were not heard of for longest. Messages of
    /// one that was may look as if some were missing.
    private static let countMax = 1_024

    /// Numbers a frame for a node or, if that is nil, for all. Returns the one before, too.
    mutating func nextNumber(for node: NodeName?) -> (number: UInt64, previous: UInt64) {
        number += 1
        guard let node else {
            defer { sentToAll = number }
            return (number, sentToAll)
        }
        let index = place(of: node)
        defer { peers[index].sent = number }
        return (number, peers[index].sent)
    }

    /// A frame has come, for this node or for all.
    mutating func hear(_ frame: Frame, forAll: Bool) -> Verdict {
        let index = place(of: frame.sender)
        let last = forAll ? peers[index].heardByAll : peers[index].heard
        guard frame.number > last else { return .isRepeated }
        let isNew: Bool
        if forAll {
            isNew = peers[index].isNewToAll
            peers[index].isNewToAll = false
            peers[index].heardByAll = frame.number
        } else {
            // The first one of all has none before it.
            isNew = peers[index].isNew && (last > 0 || frame.previous == 0)
            peers[index].isNew = false
            peers[index].heard = frame.number
        }
        return isNew || frame.previous == last ? .isNext : .isBehindGap
    }

    /// The connection was lost, which the library was told.
    mutating func forgetOrder() {
        for index in peers.indices {
            peers[index].isNew = true
            peers[index].isNewToAll = true
        }
    }

    /// All that are known.
    var names: [NodeName] { peers.map { $0.name } }

    /// A node is dead.
    mutating func remove(_ node: NodeName) {
        peers.removeAll { $0.name == node }
    }

    private mutating func place(of node: NodeName) -> Int {
        uses += 1
        var oldest = 0
        for index in peers.indices {
            if peers[index].name == node {
                peers[index].age = uses
                return index
            }
            if peers[index].age < peers[oldest].age { oldest = index }
        }
        var peer = Peer(name: node)
        peer.age = uses
        if peers.count < Peers.countMax {
            peers.append(peer)
            return peers.count - 1
        }
        peers[oldest] = peer
        return oldest
    }
}

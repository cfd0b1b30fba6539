import Engine
import Wire

/// What a host's server hears from those of other nodes.
extension Host {
    /// Another node has sent a message to every session.
    func heardBroadcast(_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer) {
        let drops = node.engine.statistics.mailboxDrops
        var broadcast = node.engine.broadcast(method: method, params: params)
        while node.engine.proceed(&broadcast) {}
        guard node.engine.statistics.mailboxDrops == drops,
            !method.equals("notifications/message"),
            let number = JSONValue(params, depthMax: 16)?["n"]?.integer
        else { return }
        ledger.broadcast(Int(number), arrivedAt: node)
    }
}

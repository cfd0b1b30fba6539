#if !hasFeature(Embedded)
    import Session

    extension Invariant {
        static var sabotagesOfRelays: [Sabotage] {
            let key = RelayKey(rawValue: 1)
            let node = NodeID(high: 1, low: 1)
            return [
                Sabotage("a client that waits for no node") { engine in
                    engine.connections.all.first.map { engine.relays.add($0, as: key) }
                },
                Sabotage("a client of no node") { engine in
                    engine.connections.all.first.map {
                        engine.relays.add($0, of: RelayOrigin(key, at: node, RelayTerms()))
                    }
                },
                Sabotage("a client that no table has") { engine in
                    engine.connections.all.first.map {
                        $0.setOrigin(RelayOrigin(key, at: node, RelayTerms()))
                    }
                },
            ]
        }
    }

    extension ServerEngine {
        /// A client whose request another node answers is in the table of those.
        func check(
            _ relayed: RelayedExchange, of connection: ServerConnection, _ audit: inout Audit
        ) {
            if relays.client(relayed.key, at: relayed.node)?.0 !== connection {
                audit.fail(.relays, "connection \(connection.id.index) waits for no node")
            }
        }

        /// The tables have no other connections than those that are open.
        func checkRelays(_ audit: inout Audit) {
            let connections = self.connections.all
            audit.expect(
                .relays, relays.clientCount,
                connections.count { if case .relayed = $0.exchange.state { true } else { false } })
            audit.expect(
                .relays, relays.origins(at: nil).count, connections.count { $0.origin != nil })
            for connection in connections {
                guard let origin = connection.origin else { continue }
                if relays.origin(origin.key, at: origin.node) !== connection {
                    audit.fail(.relays, "connection \(connection.id.index) has an unknown client")
                }
            }
        }
    }
#endif

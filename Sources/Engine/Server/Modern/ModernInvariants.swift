#if !hasFeature(Embedded)
    import Link
    import Session
    import Wire

    extension ServerEngine {
        func checkListeners(_ audit: inout Audit) {
            for listener in listeners.all {
                guard case .listening(let other) = listener.connection.exchange.state,
                    other === listener, listener.connection.exchange.isStreaming
                else {
                    audit.fail(.listeners, "a listener's connection does not listen for it")
                    continue
                }
            }
            let connections = self.connections.all.count { connection in
                if case .listening = connection.exchange.state { true } else { false }
            }
            audit.expect(.listeners, connections, listeners.count)
        }

        /// A request that asks, or has asked: its client is there, or is to come back.
        func checkTrip(of request: OpenRequest, _ audit: inout Audit) {
            guard let trip = request.trip else {
                return audit.fail(.continuations, "a request that asks for nothing is in the table")
            }
            let hasDeadline = continuations.hasDeadline(request)
            if let state = trip.state {
                if continuations[state] !== request {
                    audit.fail(.continuations, "a state leads to another request")
                }
                if hasDeadline != (options.parked != nil) {
                    audit.fail(.continuations, "a request waits without a deadline")
                }
                if request.connection != nil {
                    audit.fail(.continuations, "a request waits for a client that is there")
                }
            } else if hasDeadline {
                audit.fail(.continuations, "a request has a deadline, and waits for nobody")
            }
            let isOpen = requests[request.key] === request
            if isOpen == (trip.answer != nil) {
                audit.fail(.continuations, "a request that is open has an answer, or one is lost")
            }
            for ask in trip.asks where requests[call: ask.call]?.request !== request {
                audit.fail(.continuations, "a client is asked for what is no call")
            }
        }

        func checkWatched(_ audit: inout Audit) {
            var counts: [[UInt8]: Int] = [:]
            let all = listeners.all.map { $0.resources } + sessions.all.map { $0.subscriptions }
            for uri in all.flatMap({ $0.uris }) { counts[[UInt8](uri.bytes), default: 0] += 1 }
            audit.expect(.watched, watchedResources.count, counts.count)
            let news = Set(watched.news.map { ObjectIdentifier($0) })
            audit.expect(.watched, news.count, watched.news.count)
            var left = WatchedResources.Left()
            for resource in watched.views {
                let uri = resource.uri
                audit.expect(.watched, resource.count, counts[[UInt8](uri.bytes)] ?? 0)
                let isNews = resource.isKnown != (resource.count > 0)
                audit.expect(.watched, news.contains(ObjectIdentifier(uri)), isNews)
                guard resource.count == 0 else { continue }
                left.add(WatchedResources.bytes(of: uri), ofSession: resource.wasOfSession)
                if !resource.isKnown {
                    audit.fail(.watched, "nobody watches a resource, and nobody is to be told")
                }
            }
            audit.expect(.watched, watched.left, left)
            for uri in all.flatMap({ $0.uris }) where !watched.refers(to: uri) {
                audit.fail(.watched, "a subscriber refers to a URI of its own")
            }
        }
    }

    extension Invariant {
        static var sabotagesOfListeners: [Sabotage] {
            [
                Sabotage("a listener's connection is in the table, and the listener is not") {
                    engine in
                    engine.listeners.all.first.map { _ = engine.listeners.close($0) }
                }
            ]
        }

        static var sabotagesOfContinuations: [Sabotage] {
            [
                Sabotage("a request waits without a deadline") { engine in
                    engine.continuations.all.first { $0.isParked }.map {
                        engine.continuations.sabotageDeadline(of: $0)
                    }
                },
                Sabotage("a state leads to no request") { engine in
                    engine.continuations.all.first { $0.isParked }.map {
                        engine.continuations.sabotageState(of: $0)
                    }
                },
                Sabotage("a request asks for what is no call") { engine in
                    engine.continuations.all.first { $0.trip?.asks.isEmpty == false }.map {
                        engine.continuations.sabotageAsk(of: $0)
                    }
                },
            ]
        }

        static var sabotagesOfWatched: [Sabotage] {
            [
                Sabotage("a resource has one subscriber more") { engine in
                    engine.watchedResources.first.map { _ = engine.watched.add($0) }
                },
                Sabotage("a resource that the host knows is told again") { engine in
                    engine.watchedResources.isEmpty ? nil : engine.watched.sabotageKnowledge()
                },
                Sabotage("a resource that waits is not in the queue") { engine in
                    engine.watched.hasNews ? engine.watched.sabotageNews() : nil
                },
                Sabotage("one byte more of what nobody watches") { engine in
                    engine.watched.sabotageLeft()
                },
                Sabotage("a resource of nobody is watched") { engine in
                    let uri = ByteBuffer()
                    uri.append("nobody")
                    _ = engine.watched.add(uri)
                },
            ]
        }
    }
#endif

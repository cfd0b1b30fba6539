#if !hasFeature(Embedded)
    import Link
    import Replay
    import Session
    import Wire

    extension Invariant {
        /// Breaks an invariant on purpose, so that a test can show that its check finds it.
        package struct Sabotage: CustomStringConvertible {
            package let description: String
            private let attempt: (ServerEngine) -> Void?

            init(_ description: String, _ attempt: @escaping (ServerEngine) -> Void?) {
                self.description = description
                self.attempt = attempt
            }

            /// Returns false if the engine has nothing that could be broken so.
            package func commit(on engine: ServerEngine) -> Bool { attempt(engine) != nil }
        }

        /// The ways to break it: one for each check.
        package var sabotages: [Sabotage] {
            switch self {
            case .streamCount:
                [Sabotage("one more than there are") { $0.connections.sabotageStreamCount() }]
            case .recordCount:
                [Sabotage("one more than there are") { $0.connections.countRecord(1) }]
            case .unsentTotal: Invariant.sabotagesOfUnsent
            case .arrivingTotal:
                [
                    Sabotage("one byte more") { $0.connections.sabotageArrivingTotal() },
                    Sabotage("bytes are not counted") { engine in
                        engine.connections.all.first { $0.exchange.session != nil }.map {
                            _ = $0.reader.postpone(("POST" as StaticString).rawBytes)
                        }
                    },
                ]
            case .requestTotal: [Sabotage("one byte more") { $0.requests.sabotageTotal() }]
            case .sessionTotal: Invariant.sabotagesOfSessionTotal
            case .exchange: Invariant.sabotagesOfExchange
            case .requestLedger: Invariant.sabotagesOfRequestLedger
            case .callLedger: Invariant.sabotagesOfCallLedger
            case .fence: Invariant.sabotagesOfFence
            case .timer: Invariant.sabotagesOfTimer
            case .parked: Invariant.sabotagesOfParked
            case .detached: Invariant.sabotagesOfDetached
            case .listeners: Invariant.sabotagesOfListeners
            case .continuations: Invariant.sabotagesOfContinuations
            case .watched: Invariant.sabotagesOfWatched
            case .relays: Invariant.sabotagesOfRelays
            case .shares: Invariant.sabotagesOfShares
            case .queues: Invariant.sabotagesOfQueues
            case .recycled:
                [
                    Sabotage("an event is not blank") { $0.core.objects.sabotageEvent() },
                    Sabotage("a request is not blank") { $0.core.objects.sabotageRequest() },
                ]
            }
        }

        // MARK: Totals

        private static var sabotagesOfUnsent: [Sabotage] {
            [
                Sabotage("one byte more") { $0.connections.noteUnsent(1) },
                Sabotage("a text waits for one client more") { engine in
                    var text: ByteBuffer?
                    for connection in engine.connections.all {
                        _ = connection.outbox.forEachBuffer { _ in
                        } waiting: {
                            text = $0
                        }
                    }
                    return text.map { $0.backlogs += 1 }
                },
            ]
        }

        private static var sabotagesOfSessionTotal: [Sabotage] {
            [
                Sabotage("one byte more") { $0.sessions.sabotageTotal() },
                Sabotage("a text is in one mailbox more") { engine in
                    var text: ByteBuffer?
                    for session in engine.sessions.all {
                        _ = session.mailbox.heapBytes { text = $0 }
                    }
                    return text.map { $0.mailboxes += 1 }
                },
            ]
        }

        // MARK: What refers to each other

        private static var sabotagesOfExchange: [Sabotage] {
            [
                Sabotage("a request has lost its connection") { engine in
                    engine.requests.all.first { $0.connection != nil }.map { _ = $0.detach() }
                },
                Sabotage("a request's connection serves nobody") { engine in
                    engine.requests.all.lazy.compactMap { $0.connection }.first.map {
                        engine.move($0, to: .finishing)
                    }
                },
                Sabotage("a primary has lost its connection") { engine in
                    engine.firstPrimary.map { _ = engine.sessions.primaryLost($0, $1) }
                },
                Sabotage("a primary's connection serves nobody") { engine in
                    engine.firstPrimary.map { engine.move($1, to: .finishing) }
                },
                Sabotage("one hosted exchange more") { $0.hosted.sabotage() },
                Sabotage("a closed connection is in the table") { engine in
                    engine.connections.all.first { connection in
                        engine.connections.currentWait(of: connection) == .nextRequest
                    }.map { engine.move($0, to: .closed) }
                },
            ]
        }

        private static var sabotagesOfRequestLedger: [Sabotage] {
            [
                Sabotage("a request is not in its ledger") { engine in
                    engine.requests.all.first { $0.session != nil }.map { request in
                        request.session?.ledger.sabotage { $0.close(request.key) }
                    }
                },
                Sabotage("a ledger has a request that there is not") { engine in
                    engine.sessions.all.first?.ledger.sabotage {
                        _ = $0.open(.integer(-1), as: RequestKey(rawValue: 0), atMost: .max)
                    }
                },
            ]
        }

        private static var sabotagesOfCallLedger: [Sabotage] {
            [
                Sabotage("a call is not in its session's ledger") { engine in
                    engine.requests.allCalls.first { $0.value.session != nil }.map { key, call in
                        call.session?.ledger.sabotage { $0.close(key) }
                    }
                },
                Sabotage("a ledger has a call that there is not") { engine in
                    engine.sessions.all.first?.ledger.sabotage {
                        _ = $0.open(CallKey(rawValue: 0), atMost: .max)
                    }
                },
                Sabotage("a call is not in its request's list") { engine in
                    engine.requests.all.first { !$0.calls.isEmpty }?.sabotageCalls {
                        $0.removeLast()
                    }
                },
                Sabotage("a request has a call that there is not") { engine in
                    engine.requests.all.first?.sabotageCalls { $0.append(CallKey(rawValue: 0)) }
                },
            ]
        }

        private static var sabotagesOfFence: [Sabotage] {
            [
                Sabotage("a queue holds one byte more") { engine in
                    engine.connections.all.first.map {
                        $0.fence.count(1)
                        engine.connections.noteUnsent(1)
                    }
                },
                Sabotage("a timer runs for nothing") { engine in
                    engine.connections.all.first { !engine.fences.isArmed($0) }.map {
                        engine.fences.sabotageTimer(of: $0, at: engine.now)
                    }
                },
                Sabotage("a timer does not run") { engine in
                    engine.connections.all.first { engine.fences.isArmed($0) }.map {
                        engine.fences.sabotageTimer(of: $0, at: engine.now)
                    }
                },
                Sabotage("an answer does not know where it waits") { engine in
                    engine.firstHeld?.fence.sabotageHolder()
                },
                Sabotage("an answer does not know its place in its session") { engine in
                    engine.firstHeld?.fence.sabotageIndex()
                },
                Sabotage("a session does not list an answer") { engine in
                    engine.firstHeld?.session?.held.sabotage()
                },
                Sabotage("an open request has an answer") { engine in
                    engine.requests.all.first?.fence.sabotageAnswer()
                },
            ]
        }

        private static var sabotagesOfParked: [Sabotage] {
            [
                Sabotage("a connection that waits for nothing is in the table") { engine in
                    engine.connections.all.first.map { _ = engine.parked.parkForVerdict($0) }
                },
                Sabotage("a connection that waits for a verdict is not") { engine in
                    for connection in engine.connections.all {
                        guard case .authorizing(let key) = connection.exchange.state else {
                            continue
                        }
                        return engine.parked.take(key).map { _ in }
                    }
                    return nil
                },
                Sabotage("a connection that waits for a store is not") { engine in
                    engine.connections.all.lazy.compactMap { $0.resumption?.load }.first.map {
                        engine.parked.sabotage($0)
                    }
                },
                Sabotage("a connection in the table does not wait for a store") { engine in
                    engine.connections.all.first { $0.resumption != nil }?.setResumption(nil)
                },
            ]
        }

        // MARK: Time

        private static var sabotagesOfTimer: [Sabotage] {
            let waits: [Connections.Wait] = [
                .nextRequest, .head, .body, .drain, .responseHead, .keepAlive, .load, .hangUp,
                .authorization,
            ]
            let wrong = Sabotage("a connection waits for something else") { engine in
                engine.connections.all.first.map {
                    let isLoading = engine.connections.currentWait(of: $0) == .load
                    engine.wait(isLoading ? .hangUp : .load, $0)
                }
            }
            return [wrong] + sabotagesOfHostedTimer
                + waits.map { wait in
                    Sabotage("a connection does not wait: \(wait)") { engine in
                        engine.connections.all.first { connection in
                            engine.connections.currentWait(of: connection) == wait
                        }.map { engine.stopWaiting($0) }
                    }
                }
        }

        private static var sabotagesOfHostedTimer: [Sabotage] {
            [
                Sabotage("a hosted answer that is not read has no timer") { engine in
                    engine.connections.all.first { connection in
                        connection.hosted?.stream != nil && !connection.outbox.isDrained
                    }.map { engine.stopWaiting($0) }
                },
                Sabotage("a hosted exchange without output has one") { engine in
                    engine.connections.all.first { $0.hosted != nil && $0.outbox.isDrained }.map {
                        engine.wait(.drain, $0)
                    }
                },
            ]
        }

        private static var sabotagesOfDetached: [Sabotage] {
            [
                Sabotage("a request with a client has a deadline") { engine in
                    engine.requests.all.first { $0.connection != nil }.map {
                        engine.requests.detached($0, at: engine.now)
                    }
                },
                Sabotage("a request without a client has none") { engine in
                    engine.requests.all.first { $0.isDetached }.map {
                        engine.requests.sabotageDeadline(of: $0)
                    }
                },
                Sabotage("a request without a client is not detached") { engine in
                    engine.requests.all.first { $0.isDetached }.map {
                        engine.requests.attached($0)
                    }
                },
            ]
        }

        // MARK: All together

        private static var sabotagesOfShares: [Sabotage] {
            let figures: [(String, (Share) -> Void)] = [
                ("connection", { $0.connections += 1 }), ("session", { $0.sessions += 1 }),
                ("idle session", { $0.idleSessions += 1 }),
                ("detached request", { $0.detachedRequests += 1 }),
                ("listener", { $0.listeners += 1 }), ("asking one", { $0.parkedRequests += 1 }),
                ("byte of requests", { $0.requestBytes += 1 }),
                ("byte of sessions", { $0.sessionBytes += 1 }), ("sum", { $0.sum += 1 }),
            ]
            let ofOne = figures.map { what, add in
                Sabotage("one \(what) more") { engine in
                    engine.connections.all.lazy.compactMap { $0.share }.first.map(add)
                }
            }
            return ofOne + [
                Sabotage("a share of nobody") { engine in
                    _ = engine.shares.share(of: PeerAddress(ipv4: .max))
                },
                Sabotage("one idle session more of all") { $0.sessions.sabotageIdleCount() },
            ]
        }

        private static var sabotagesOfQueues: [Sabotage] {
            [
                Sabotage("a connection is marked as queued") { engine in
                    engine.connections.all.first { !$0.isQueuedForWriting }.map {
                        engine.connections.sabotageQueueing(of: $0)
                    }
                },
                Sabotage("a queued connection is not marked") { engine in
                    engine.connections.all.first { $0.isQueuedForWriting }.map {
                        engine.connections.sabotageQueueing(of: $0)
                    }
                },
                Sabotage("a connection with pipelined bytes is left") { engine in
                    engine.connections.all.first { $0.reader.hasPipelined }.map {
                        engine.connections.readable.add($0)
                    }
                },
                Sabotage("a released answer is left") { engine in
                    engine.requests.all.first.map { engine.fences.sabotageRelease(of: $0) }
                },
                Sabotage("a connection with nothing to do has pipelined bytes") { engine in
                    engine.connections.all.first { connection in
                        engine.connections.currentWait(of: connection) == .nextRequest
                            && connection.outbox.isDrained
                    }.map {
                        _ = $0.reader.postpone(("POST" as StaticString).rawBytes)
                        engine.connections.countArriving(on: $0)
                    }
                },
                Sabotage("a backlog waits for nothing") { engine in
                    engine.connections.all.first { connection in
                        connection.outbox.backlogBytes > 0 && connection.outbox.isBlocked
                            && connection.outbox.untakenBytes == 0
                    }.map {
                        let unread = $0.outbox.queuedBytes - $0.outbox.handedBytes
                        engine.connections.sent(Int(unread), on: $0)
                    }
                },
            ]
        }
    }

    extension ServerEngine {
        fileprivate var firstPrimary: (ServerSession, ServerConnection)? {
            sessions.all.lazy.compactMap { session in
                self.primaryConnection(of: session).map { (session, $0) }
            }.first
        }

        fileprivate var firstHeld: OpenRequest? {
            sessions.all.lazy.compactMap { $0.held.requests.last }.first
        }
    }
#endif

import Engine
import Wire

/// What a layer above does on the loop's thread.
extension ServerRuntime {
    /// Runs an errand of a layer above now or, on another thread, queues it.
    package func run(
        _ number: UInt32, _ key: UInt64, _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer
    ) throws(CallerFault) {
        try command(copying: first, second) { _ throws(CallerFault) in
            try run(Errand(number, key, first, second, wasQueued: false))
        } later: { first, second in
            .errand(number, key: key, first, second)
        }
    }

    func run(_ errand: Errand) throws(CallerFault) {
        if let fault = onErrand?(errand) { throw fault }
    }

    /// Shows all further events to a layer above before the host gets them. The loop's thread only.
    package func show(to takes: @escaping (HostEvent) -> Bool) {
        pump.show(to: takes)
    }
}

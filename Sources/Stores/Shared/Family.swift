import CLibc
import Synchronization

/// Detects fork(): a child has copies of its parent's stores, but must not touch their databases.
package enum Family {
    private static let generations = Atomic<Int>(0)
    private static let isWatching = Atomic<Bool>(false)

    /// The number of forks between this process and the one that first opened a store.
    package static var generation: Int { generations.load(ordering: .relaxed) }

    /// Starts to count forks.
    package static func watch() {
        guard !isWatching.exchange(true, ordering: .relaxed) else { return }
        pthread_atfork(nil, nil) { Family.generations.wrappingAdd(1, ordering: .relaxed) }
    }
}

import CLibc
import Synchronization

/// Detects fork(): whether an object was created in this process or in its parent.
///
/// A child has copies of its parent's loops but not their threads, and it shares their sockets: a
/// change to a descriptor also affects the parent. So the child must not use any of them.
enum Family {
    private static let generations = Atomic<Int>(0)
    private static let isWatching = Atomic<Bool>(false)

    /// The number of forks between this process and the one that first used the library.
    static var generation: Int { generations.load(ordering: .relaxed) }

    /// Starts to count forks.
    static func watch() {
        guard !isWatching.exchange(true, ordering: .relaxed) else { return }
        pthread_atfork(nil, nil) { Family.generations.wrappingAdd(1, ordering: .relaxed) }
    }
}

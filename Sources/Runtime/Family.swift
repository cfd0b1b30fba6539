import CLibc
import Synchronization

/// Tells a process from those that fork() makes of it.
///
/// A child has copies of its parent's loops, but neither their threads nor, by itself, their
/// sockets: what it does to a descriptor, it does to its parent. So it leaves them all alone.
enum Family {
    private static let generations = Atomic<Int>(0)
    private static let isWatching = Atomic<Bool>(false)

    /// How many forks this process is away from where the library came in.
    static var generation: Int { generations.load(ordering: .relaxed) }

    /// Counts forks from now on.
    static func watch() {
        guard !isWatching.exchange(true, ordering: .relaxed) else { return }
        pthread_atfork(nil, nil) { Family.generations.wrappingAdd(1, ordering: .relaxed) }
    }
}

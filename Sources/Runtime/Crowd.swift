/// Detects that many objects have been freed, so that their memory can be returned to the system:
/// otherwise the C library keeps free chunks between live ones. It fires rarely enough that the
/// cost is amortized over the freed objects.
struct Crowd {
    /// The largest population since memory was last returned.
    private var peak = 0
    /// Whether objects were left when memory was last returned, so that it must be done again.
    private var owesMemory = false

    /// Whether to return memory now, with `population` objects that are still alive.
    @_optimize(speed)
    mutating func hasLeft(_ population: Int, isDeserted: Bool) -> Bool {
        peak = max(peak, population)
        let hasShrunk = peak - population > max(population, 256)
        guard hasShrunk || isDeserted && owesMemory else { return false }
        owesMemory = !isDeserted
        peak = population
        return true
    }
}

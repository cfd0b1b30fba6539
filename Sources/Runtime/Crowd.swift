/// Finds out when a crowd has left, so that its memory can be given back to the system: free chunks
/// between live ones are the C library's to keep otherwise. Rarely enough that the cost is spread
/// over the crowd.
struct Crowd {
    /// The most that there was to hold since memory was last given back.
    private var peak = 0
    /// Whether some of a crowd was still there when memory was last given back.
    private var owesMemory = false

    /// Whether memory is to be given back, with so many things that are still held.
    mutating func hasLeft(_ population: Int, isDeserted: Bool) -> Bool {
        peak = max(peak, population)
        let hasShrunk = peak - population > max(population, 256)
        guard hasShrunk || isDeserted && owesMemory else { return false }
        owesMemory = !isDeserted
        peak = population
        return true
    }
}

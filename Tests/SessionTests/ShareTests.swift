import Session
import Testing
import Wire

@Suite("Share")
struct ShareTests {
    @Test("An IPv6 network is one address, and an IPv4 address is one by itself")
    func addresses() {  // S-507
        let network: UInt64 = 0x2001_0DB8_0000_0001
        #expect(PeerAddress(ipv6: network, 1) == PeerAddress(ipv6: network, 2))
        #expect(PeerAddress(ipv6: network, 1) != PeerAddress(ipv6: network + 1, 1))
        let mapped: UInt64 = 0xFFFF_0000_0000
        #expect(PeerAddress(ipv6: 0, mapped | 7) == PeerAddress(ipv4: 7))
        #expect(PeerAddress(ipv4: 7) != PeerAddress(ipv4: 8))
    }

    @Test("A share is kept as long as there is something in it, and then forgotten")
    func forgotten() throws {
        var table = ShareTable()
        let address = PeerAddress(ipv4: 7)
        let found = table.share(of: address)
        let share = try #require(found)
        let amounts = [\Share.connections, \.sessions, \.requestBytes]
        for amount in amounts {
            share[keyPath: amount] = 1
            table.forget(share)
            let kept = table.share(of: address)
            #expect(table.count == 1 && kept === share)
            share[keyPath: amount] = 0
        }
        table.forget(share)
        #expect(table.count == 0)
    }
}

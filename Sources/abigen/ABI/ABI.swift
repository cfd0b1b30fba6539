/// The C ABI of the library, as data. Each file of this folder declares one part of it.
enum ABI {
    static let table = Table(
        page: page,
        declarations: version + status + bytes + loop + events + store + server + authorization
            + exchange + request + session + loads + catalog,
        statuses: Status.all)
}

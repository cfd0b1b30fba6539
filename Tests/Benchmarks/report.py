"""The table, and the targets, of what compare.py has measured."""

ALONE = "library, without"  # the streams that its other calls are beside
# The loads that measure memory only, and what there are many of.
MEMORY = {
    "idle": "idle sessions with a primary stream",
    "listeners": "idle listen streams",
    "parked": "parked requests",
}


def table(workloads):
    yield "| workload | server | per second | CPU us | in kernel | CPU ratio | rate ratio | p50 us | p99 us | calls |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    for workload in workloads.values():
        if workload.load[0] in MEMORY:
            continue
        for server in workload.servers:

            def figure(key, server=server, workload=workload):
                return workload.figure(server, key)

            system_calls = f"{figure('system_calls'):.2f}" if workload.counted else ""
            yield (
                f"| {workload.name} | {server} | {figure('rate'):,.0f} | {figure('cpu_us'):,.2f} "
                f"| {figure('kernel_share'):.0%} "
                f"| {workload.ratio(server, 'cpu_us'):.2f} | {workload.ratio(server, 'rate'):.2f} "
                f"| {figure('p50_ns') / 1000:,.1f} | {figure('p99_ns') / 1000:,.1f} "
                f"| {system_calls} |"
            )


def memory_table(workloads):
    yield "| 10,000 of | server | bytes each | not given back, each |"
    yield "|---|---|--:|--:|"
    for workload in workloads:
        for server in workload.servers:
            yield (
                f"| {MEMORY[workload.load[0]]} | {server} "
                f"| {idle_bytes(workload, server):,.0f} | {kept_bytes(workload, server):,.0f} |"
            )


def idle_bytes(workload, server):
    return (workload.figure(server, "during") - workload.figure(server, "before")) / workload.figure(server, "sessions")


def kept_bytes(workload, server):
    return (workload.figure(server, "after") - workload.figure(server, "before")) / workload.figure(server, "sessions")


def notification(workloads, route, server, key="cpu_us"):
    """What one more notification adds to a call, from the difference between calls with 100 and with 20."""
    few, many = (workloads[f"call with {count} notifications, {route}"] for count in (20, 100))
    return (many.figure(server, key) - few.figure(server, key)) / 80


def targets(workloads, memory):
    """(what, figure, comparison, limit); those whose workloads have not been run are left out."""
    for mode in ("JSON", "SSE"):
        small = workloads.get(f"call {mode} 32 B")
        if small:
            yield f"call {mode} 32 B: CPU, x ceiling", small.ratio("library", "cpu_us"), "<=", 1.35
            yield f"call {mode} 32 B: rate, x ceiling", small.ratio("library", "rate"), ">=", 0.80
            yield f"call {mode} 32 B: system calls", small.figure("library", "system_calls"), "<=", 2.1
        if single := workloads.get(f"call {mode} 32 B, 1 connection"):
            yield f"call {mode} 32 B, 1 connection: p50, x ceiling", single.ratio("library", "p50_ns"), "<=", 1.4
        if threads := workloads.get(f"call {mode} 32 B, another thread"):
            for server in ("library", "library, queue"):
                yield f"{threads.name} ({server}): CPU, x ceiling", threads.ratio(server, "cpu_us"), "<=", 1.35
        if large := workloads.get(f"call {mode} 64 KB"):
            yield f"call {mode} 64 KB: CPU, x ceiling", large.ratio("library", "cpu_us"), "<=", 2
        if beside := workloads.get(f"call {mode} 32 B beside 10,000 streams"):
            ratio = beside.ratio("library", "cpu_us", reference=ALONE)
            yield f"call {mode} beside 10,000 streams: CPU, x without", ratio, "<=", 1.2
        if python := workloads.get(f"call {mode} 32 B, Python"):
            yield f"call {mode} 32 B, Python: rate, x official", python.ratio("library", "rate"), ">=", 6
        if rounds := workloads.get(f"session round {mode}"):
            yield f"session round {mode}: CPU, x ceiling", rounds.ratio("library", "cpu_us"), "<=", 1.6
    for route in ("primary", "request"):
        if f"call with 100 notifications, {route}" in workloads:
            yield f"one more notification, {route}: CPU us", notification(workloads, route, "library"), "<=", 1
    if request := workloads.get("call with 20 notifications, request, callback"):
        yield from notification_targets(request)
    for name, limit in (("catalog call 32 B", 1.15), ("catalog call 4 KB", 1.15), ("catalog list of 100 tools", 1.2)):
        if name in workloads:
            yield f"{name}: CPU, x by hand", workloads[name].ratio("catalog", "cpu_us"), "<=", limit
    if stored := workloads.get("call SSE 32 B, stored"):
        yield f"{stored.name} (sqlite): rate, x memory", stored.ratio("sqlite", "rate"), ">=", 0.7
        yield f"{stored.name} (redis): rate, x memory", stored.ratio("redis", "rate"), ">=", 0.5
    yield from modern_targets(workloads)
    yield from sdk_targets(workloads)
    for workload in workloads.values():
        if workload.name.startswith(("delivery", "change")):
            yield f"{workload.name}: CPU, x ceiling", workload.ratio("library", "cpu_us"), "<=", 1.15
    for name, bytes_each in memory.items():
        yield f"1 MB result {name}: memory, x its size", bytes_each, "<=", 2
    if idle := workloads.get("idle sessions"):
        yield "idle session with its stream: bytes", idle_bytes(idle, "library"), "<=", 2000
        yield "idle session: bytes not given back", kept_bytes(idle, "library"), "<=", 200


def notification_targets(workload):
    yield f"{workload.name}: CPU, x ceiling", workload.ratio("library", "cpu_us"), "<=", 1.2
    yield f"{workload.name}: system calls", workload.figure("library", "system_calls"), "<=", 2.15


def modern_targets(workloads):
    for name, limit in (("modern call 32 B", 1.25), ("modern call 32 B, Mcp-Param", 1.35)):
        if name in workloads:
            yield f"{name}: CPU, x ceiling", workloads[name].ratio("library", "cpu_us"), "<=", limit
    if notifications := workloads.get("modern call with 20 notifications"):
        yield from notification_targets(notifications)
    if listeners := workloads.get("idle listen streams"):
        yield "idle listen stream: bytes", idle_bytes(listeners, "library"), "<=", 1000
        yield "idle listen stream: bytes not given back", kept_bytes(listeners, "library"), "<=", 200
    if parked := workloads.get("parked requests"):
        yield "parked request: bytes not given back", kept_bytes(parked, "library"), "<=", 200


SDK_TARGETS = {
    "mcpserver JSON 32 B": {"library": 3, "fast": 5},
    "mcpserver SSE 32 B": {"library": 8, "fast": 12},
    "mcpserver modern 32 B": {"library": 3},
    "fastmcp JSON 32 B": {"library": 1.7},
    "fastmcp SSE 32 B": {"library": 3},
}
"""How many times the CPU of a call is on uvicorn."""


def sdk_targets(workloads):
    for name in SDK_TARGETS.keys() & workloads.keys():
        for server, limit in SDK_TARGETS[name].items():
            ratio = workloads[name].ratio("uvicorn", "cpu_us", reference=server)
            yield f"{name}, {server}: uvicorn's CPU, x this", ratio, ">=", limit


def target_table(workloads, memory):
    yield "| target | figure | limit | |"
    yield "|---|--:|--:|---|"
    for what, figure, comparison, limit in targets(workloads, memory):
        is_met = figure <= limit if comparison == "<=" else figure >= limit
        sign = "at most" if comparison == "<=" else "at least"
        yield f"| {what} | {figure:,.2f} | {sign} {limit:,} | {'ok' if is_met else 'short'} |"


def report(workloads, memory):
    memory_only = [workload for workload in workloads.values() if workload.load[0] in MEMORY]
    sections = [table(workloads)] if len(memory_only) < len(workloads) else []
    if memory_only:
        sections.append(memory_table(memory_only))
    sections.append(target_table(workloads, memory))
    return "\n\n".join("\n".join(section) for section in sections)

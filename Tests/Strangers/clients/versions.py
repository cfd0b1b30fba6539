"""The foreign clients, and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass

ITSELF = "by itself"
BY_TOKEN = "by a resumption token"


@dataclass(frozen=True)
class Version:
    requirement: str
    """The package."""
    adapter: str
    """The class in adapters.py that speaks its interface."""
    resumes: str
    """How it comes back for an answer whose connection was cut."""
    returns_to_primary: bool
    """It opens its primary stream again when that was cut."""
    rounds: int
    """Bursts of progress; the official client's newest does most."""
    modes: tuple[str, ...] = ()
    """How it may talk besides by sessions: it knows 2026-07-28."""
    also: tuple[str, ...] = ()
    """What it needs an older release of, because it does not say so itself."""

    @property
    def name(self):
        return self.requirement.replace("==", "-")

    @property
    def together(self):
        """What it does while the others do it, too."""
        return [*SESSIONS, *(MODERN if self.modes else ())]


MODES = ("auto", "2026-07-28")
OLD_PYDANTIC = ("pydantic<2.12",)

VERSIONS = [
    Version("mcp==2.3.0", "OfficialClient", ITSELF, True, 200, MODES),
    Version("mcp==1.30.0", "OfficialSession", ITSELF, True, 50),
    Version("mcp==1.12.4", "OfficialSession", BY_TOKEN, False, 50, also=OLD_PYDANTIC),
    Version("mcp==1.8.1", "OfficialSessionWithoutProgress", BY_TOKEN, False, 50, also=OLD_PYDANTIC),
    Version("fastmcp==4.2.3", "FastMCPClient", ITSELF, True, 50, MODES),
]

# What each of them does. The first needs the machine for itself, and so comes before the others, one client after
# the other; the rest is mostly waiting, and is done by all at a time.
ALONE = ["bursts"]
SESSIONS = ["calls", "sampling", "cut", "cut_in_silence", "cut_in_silence_with_auto", "lost_cursor"]
MODERN = ["discovery", "modern_bursts", "modern_cut", "logs", "round_trips", "changes", "both_eras"]

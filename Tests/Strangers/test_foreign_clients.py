"""Foreign clients, each in an environment of its own: what they do is in clients/driver.py."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hosts import BUILD, HERE, Host

sys.path.insert(0, str(HERE / "clients"))
from versions import ALONE, VERSIONS

ENVIRONMENTS = BUILD / "strangers" / "clients"
PREPARE_SECONDS = 300
DRIVE_SECONDS = 150
HOSTS = {"plain": [], "auto": ["--response_mode", 2], "forgetful": ["--replay_events_max", 4]}


def drive(version, urls, deeds):
    """How each deed of a client went."""
    python = ENVIRONMENTS / version.name / "bin" / "python"
    command = [python, "-B", HERE / "clients" / "driver.py", version.name, json.dumps(urls), *deeds]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=DRIVE_SECONDS)
    outcomes = [json.loads(line) for line in ran.stdout.splitlines()]
    return {outcome["deed"]: {**outcome, "errors": ran.stderr[-1000:]} for outcome in outcomes}


@pytest.fixture(scope="session")
def outcomes():
    """Of all clients and deeds, by the names of both."""
    prepare = [sys.executable, "-B", str(HERE / "clients" / "prepare.py"), str(ENVIRONMENTS)]
    subprocess.run(prepare, check=True, timeout=PREPARE_SECONDS)
    hosts = {name: Host("host", *options) for name, options in HOSTS.items()}
    hosts["everything"] = Host("everything_server")
    urls = {name: host.url for name, host in hosts.items()}
    try:
        found = {version.name: drive(version, urls, ALONE) for version in VERSIONS}
        with ThreadPoolExecutor() as pool:
            together = pool.map(lambda version: drive(version, urls, version.together), VERSIONS)
            for version, more in zip(VERSIONS, together, strict=True):
                found[version.name].update(more)
        for host in hosts.values():
            host.must_live()
    finally:
        for host in hosts.values():
            host.end()
    return found


@pytest.mark.seconds(PREPARE_SECONDS + 2 * DRIVE_SECONDS)
@pytest.mark.parametrize(
    ("version", "deed"),
    [
        pytest.param(version, deed, id=f"{version.name}-{deed}")
        for version in VERSIONS
        for deed in (*ALONE, *version.together)
    ],
)
def test_a_foreign_client(outcomes, version, deed):
    outcome = outcomes[version.name].get(deed)
    assert outcome, f"it did not come to that: {outcomes[version.name]}"
    assert outcome["ok"], (outcome["why"], outcome["errors"])
    if outcome["skipped"]:
        pytest.skip(outcome["skipped"])

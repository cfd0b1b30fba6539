"""A bound on time, a place for the database, and nodes that share a Redis."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Support"))

from bounded import bound
from cluster import Cluster
from redis_server import RedisCluster, RedisServer

bounded = bound(240)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "kept.db"


@pytest.fixture
def cluster(tmp_path_factory):
    """Starts one: see `Cluster`."""
    with contextlib.ExitStack() as ends:

        def start(*count, **options):
            return ends.enter_context(Cluster(tmp_path_factory.mktemp("cluster"), *count, **options))

        yield start


@pytest.fixture(scope="module", params=[RedisServer, RedisCluster])
def nodes(request, tmp_path_factory):
    """Three of them, for all tests of a file that leave them as they are."""
    with Cluster(tmp_path_factory.mktemp("nodes"), kind=request.param) as started:
        yield started

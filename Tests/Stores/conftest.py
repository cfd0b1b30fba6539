"""A bound on time, and a place for the database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Support"))

from bounded import bound

bounded = bound(100)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "kept.db"

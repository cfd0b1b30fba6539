"""Makes an environment for each foreign client, all at a time; one that is there is left as it is. Who calls this
while somebody else does waits for him.

usage: prepare.py DIRECTORY
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

from versions import VERSIONS


def main():
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_in(directory)


def install_in(directory):
    """Ends with what it has started, also when it is terminated."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    installing = {}
    try:
        for version in VERSIONS:
            install(version, directory / version.name, installing)
        failed = [wanted for (stamp, wanted), pip in installing.items() if not has_installed(pip, stamp, wanted)]
    finally:
        for pip in installing.values():
            if pip.poll() is None:
                pip.terminate()
                pip.wait()
    if failed:
        sys.exit(f"cannot install {failed}")


def install(version, place, installing):
    """Begins to, if it has not been done."""
    wanted = "\n".join((version.requirement, *version.also))
    stamp = place / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installing[stamp, wanted] = subprocess.Popen([*pip, version.requirement, *version.also])


def has_installed(pip, stamp, wanted):
    if pip.wait() != 0:
        return False
    stamp.write_text(wanted)
    return True


if __name__ == "__main__":
    main()

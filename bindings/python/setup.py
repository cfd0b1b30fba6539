"""Copies libstreamablehttp into the wheel, which is therefore for one platform and any Python 3."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

NAME = "libstreamablehttp.so"
SONAME = f"{NAME}.0"
# The library opens them; they are beside it.
MODULES = ("libstreamablehttp-sqlite.so.0", "libstreamablehttp-redis.so.0")
HERE = Path(__file__).resolve().parent
IS_SDIST = (HERE / "PKG-INFO").exists()  # else it is a checkout of the repository

WHAT_TO_DO = """\
This source package contains no libstreamablehttp, and pip cannot build it. Do one of these:
  - Install the wheel, streamablehttp-{version}-py3-none-manylinux_*.whl. The library is in it.
  - Install the Debian package libstreamablehttp0, and run pip again.
  - Name a library that is built, and run pip again:
    STREAMABLEHTTP_LIBRARY=/path/to/libstreamablehttp.so pip install ..."""

HOW_TO_BUILD = """\
  - Build it in the checkout, and run pip again:
    cmake -B .build-cmake && cmake --build .build-cmake"""


def is_installed() -> bool:
    try:
        ctypes.CDLL(SONAME)
    except OSError:
        return False
    return True


def library(version: str) -> Path | None:
    """The library that goes into the package; None if it is to use the system's."""
    if named := os.environ.get("STREAMABLEHTTP_LIBRARY"):
        if not Path(named).is_file():
            raise SystemExit(f"STREAMABLEHTTP_LIBRARY names {named}, and there is no such file.")
        return Path(named)
    if not IS_SDIST:
        built = HERE.parent.parent / ".build-cmake" / "lib" / NAME
        if built.is_file():
            return built
    if is_installed():
        return None
    message = WHAT_TO_DO if IS_SDIST else f"{WHAT_TO_DO}\n{HOW_TO_BUILD}"
    raise SystemExit(message.format(version=version))


class BuildWithLibrary(build_py):
    def run(self) -> None:
        if self.editable_mode:  # the package uses the library of the checkout
            super().run()
            return
        found = library(self.distribution.get_version())
        package = Path(self.build_lib) / "streamablehttp"
        shutil.rmtree(package, ignore_errors=True)  # left by an earlier build
        super().run()
        if found:
            shutil.copyfile(found, package / NAME)
            for module in MODULES:
                if (found.parent / module).is_file():
                    shutil.copyfile(found.parent / module, package / module)


class PlatformDistribution(Distribution):
    def has_ext_modules(self) -> bool:
        return True


class PlatformWheel(bdist_wheel):
    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


setup(
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel},
)

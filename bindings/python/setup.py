"""Copies libstreamablehttp into the wheel, which is therefore for one platform and any Python 3."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

NAME = "libstreamablehttp.so"
CHECKOUT = Path(__file__).resolve().parent.parent.parent


def library() -> Path:
    named = os.environ.get("STREAMABLEHTTP_LIBRARY")
    path = Path(named) if named else CHECKOUT / ".build-cmake" / "lib" / NAME
    if not path.is_file():
        raise SystemExit(
            f"no library at {path}: build it with `cmake -B .build-cmake && "
            f"cmake --build .build-cmake` in {CHECKOUT}, or name it in STREAMABLEHTTP_LIBRARY"
        )
    return path


class BuildWithLibrary(build_py):
    def run(self) -> None:
        if self.editable_mode:  # the package uses the library of the checkout
            super().run()
            return
        package = Path(self.build_lib) / "streamablehttp"
        shutil.rmtree(package, ignore_errors=True)  # left by an earlier build
        super().run()
        shutil.copyfile(library(), package / NAME)


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

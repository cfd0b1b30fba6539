"""The wheel of a checkout: the library is in it, and it installs where no checkout is near.

Tests/Packages tries the wheel for other systems, and the sdist.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

import streamablehttp
from conftest import BUILD, REPOSITORY

PACKAGE = REPOSITORY / "bindings" / "python"
LIBRARY = BUILD / "lib" / "libstreamablehttp.so"


def run(*command, **changed):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("STREAMABLEHTTP_LIBRARY", "PYTHONPATH")
    }
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=55,
        env={**environment, **changed},
    )


def source(directory):
    """A copy of the package's sources, so that building leaves the checkout alone."""
    ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", "*.so", "tests")
    return shutil.copytree(PACKAGE, directory / "source", ignore=ignored)


def build(directory, library):
    pytest.importorskip("setuptools", "77")
    return run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        directory / "wheels",
        source(directory),
        STREAMABLEHTTP_LIBRARY=str(library),
    )


def test_the_wheel_holds_the_library_and_works(tmp_path):
    if not LIBRARY.exists():
        pytest.skip(f"{LIBRARY} is not built")
    built = build(tmp_path, LIBRARY)
    assert built.returncode == 0, built.stderr
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert wheel.name.startswith("streamablehttp-0.1.0-py3-none-linux_")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    expected = {str(path.relative_to(PACKAGE)) for path in (PACKAGE / "streamablehttp").rglob("*.py")}
    expected |= {"streamablehttp/py.typed", "streamablehttp/libstreamablehttp.so"}
    expected |= {f"streamablehttp/libstreamablehttp-{module}.so.0" for module in ("redis", "sqlite")}
    assert {name for name in names if ".dist-info/" not in name} == expected

    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    (packages,) = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    program = (
        "import streamablehttp as s\n"
        f"with s.Server(name='x', store='sqlite:{tmp_path}/kept.db') as server:\n"
        "    print(s.__file__, s.version(), server.port)\n"
    )
    ran = run(python, "-I", "-c", program)
    assert ran.returncode == 0, ran.stderr
    path, version, port = ran.stdout.split()
    assert path.startswith(str(packages))
    assert version == "0.1.0"
    assert int(port) > 0


def test_a_named_library_that_is_missing_is_said_to_be(tmp_path):
    built = build(tmp_path, tmp_path / "nothing.so")
    assert built.returncode != 0
    assert f"STREAMABLEHTTP_LIBRARY names {tmp_path / 'nothing.so'}" in built.stderr


@pytest.mark.parametrize("content", [None, b"not a library"], ids=["missing", "garbage"])
def test_a_library_that_cannot_be_loaded_is_an_import_error(tmp_path, content):
    library = tmp_path / "library.so"
    if content is not None:
        library.write_bytes(content)
    program = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import streamablehttp"
    ran = run(sys.executable, "-c", program, STREAMABLEHTTP_LIBRARY=str(library))
    assert ran.returncode == 1
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: cannot load libstreamablehttp")
    assert "STREAMABLEHTTP_LIBRARY" in last


def test_a_library_of_another_abi_is_an_import_error(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "library.so"
    code = tmp_path / "library.c"
    code.write_text("unsigned shttp_abi_version(void) { return 99; }\n")
    assert run(compiler, "-shared", "-fPIC", "-o", library, code).returncode == 0
    program = f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import streamablehttp"
    ran = run(sys.executable, "-c", program, STREAMABLEHTTP_LIBRARY=str(library))
    assert ran.returncode == 1
    assert f"{library} has ABI 99, and this package needs ABI 0" in ran.stderr


def test_every_function_is_declared():
    from streamablehttp import _abi
    from streamablehttp._library import library

    for name in _abi.FUNCTIONS:
        assert getattr(library, name).argtypes is not None, name
    assert streamablehttp.version() == streamablehttp.__version__

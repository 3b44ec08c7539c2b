"""Clients of other people, each with the packages that it wants and none of ours.

They are installed once for a machine, in the cache folder, under their version. Without a network
there, what isn't installed yet can't be tested: that is said like any other missing part.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

AWSCLI = "awscli==1.46.3"
CUSTODIAN = "c7n==0.9.53"
JAVASCRIPT_SDK = "@aws-sdk/client-mailmanager@3.1112.0"
MOTO = "moto[server]==5.2.5"

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mailmanager-tools"


def python_tool(requirement: str) -> Path:
    """The folder of the programs that the PyPI package brings."""
    folder = _made(requirement, _install_python)
    return folder / "bin"


def javascript_package(requirement: str) -> Path:
    """A folder in which Node finds the npm package."""
    return _made(requirement, _install_javascript)


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], *, input: str = "", cwd: Path | None = None
) -> str:
    """What the program prints; AssertionError with its words where it fails."""
    result = subprocess.run(
        list(map(str, command)),
        env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), **environment},
        input=input,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout


def _made(requirement: str, install) -> Path:
    folder = _CACHE / requirement.replace("/", "+").replace("[", "+").replace("]", "")
    if not folder.exists():
        # Beside it, and moved when whole: another process may install the same in this moment.
        _CACHE.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=_CACHE))
        try:
            install(requirement, fresh)
            fresh.rename(folder)
        except subprocess.CalledProcessError as error:
            verdict = pytest.fail if os.environ.get("CI") else pytest.skip
            verdict(f"{requirement} can't be installed here: {error.stderr.decode()[-500:]}")
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _install_python(requirement: str, folder: Path) -> None:
    # The programs name the interpreter by the place where it will be, which --relocatable keeps open.
    _call([sys.executable, "-m", "uv", "venv", "--relocatable", "--clear", folder])
    python = folder / "bin" / "python"
    _call([sys.executable, "-m", "uv", "pip", "install", "--python", python, requirement])


def _install_javascript(requirement: str, folder: Path) -> None:
    _call(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, requirement])


def _call(command: Sequence[str | Path]) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=300)

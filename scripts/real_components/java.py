"""Find a Java that is new enough, wherever this machine keeps it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from real_components.missing import Missing

_FOLDERS = ("/usr/lib/jvm", "/usr/java", "/opt", "/Library/Java/JavaVirtualMachines")
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


def _candidates() -> Iterator[Path]:
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

"""Programs that come as packages of the system (Debian and its kin).

Either installed by ``apt-get`` (as root), or only unpacked into the cache, which starts no service
and needs no root. ``apt-get`` itself checks what it fetched by the system's signatures.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from real_components.cache import cache_folder
from real_components.missing import Missing

_TIMEOUT_S = 900


def find_program(name: str) -> str | None:
    """Return the path of a program of the system, also of one that only root has on its path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def install_package(package: str) -> None:
    """Install ``package``; raises ``Missing`` when that needs root, or another system."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"install the package {package} (apt-get install {package}, as root)")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", package]):
        _apt_get(arguments, package)


def unpack_package(package: str) -> Path:
    """Return the folder of the cache into which ``package`` was unpacked, without installing it.

    Raises:
        Missing: this system has no apt, or its repositories have no such package.
    """
    target = cache_folder() / f"package-{package}"
    if target.is_dir():
        return target
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing(f"install the package {package}; only Debian's is fetched from here")
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _download(package, partial)
        archive = next(partial.glob("*.deb"))
        _run(["dpkg-deb", "-x", str(archive), str(partial / "files")], package, partial)
        (partial / "files").rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _download(package: str, folder: Path) -> None:
    """Fetch the archive; on a fresh machine the list of packages may have to be fetched first."""
    try:
        _apt_get(["download", package], package, folder)
    except Missing:
        if os.geteuid() != 0:
            raise
        _apt_get(["update"], package)
        _apt_get(["download", package], package, folder)


def _apt_get(arguments: Sequence[str], package: str, folder: Path | None = None) -> None:
    _run(["apt-get", "-qq", *arguments], package, folder)


def _run(command: Sequence[str], package: str, folder: Path | None) -> None:
    # RUNLEVEL=1 keeps a package from starting a server of its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=_TIMEOUT_S,
    )
    if run.returncode != 0:
        raise Missing(f"{command[0]} failed for {package}:\n{(run.stdout + run.stderr)[-2000:]}")

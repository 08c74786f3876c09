"""Fetch artifacts by Maven coordinates into the cache, and check every byte by its hash.

Maven's own settings decide which repository is asked. Invariant: a folder with the final name
holds only files whose SHA-256 is the one in ``checksums/``; fetching happens beside it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from real_components.cache import cache_folder
from real_components.missing import Missing
from real_components.packages import find_program, install_package

_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
_CHECKSUMS = Path(__file__).parent / "checksums"
_TIMEOUT_S = 1800


def fetch_artifact(coordinates: str, name: str) -> Path:
    """Return the folder ``name`` of the cache with that one artifact in it."""
    return _fetch(
        name,
        lambda folder: [
            f"{_PLUGIN}:copy",
            f"-Dartifact={coordinates}",
            f"-DoutputDirectory={folder}",
        ],
    )


def fetch_libraries(dependencies: Sequence[str], name: str) -> Path:
    """Return the folder ``name`` of the cache with ``dependencies`` and all they need."""

    def arguments(folder: Path) -> list[str]:
        pom = folder.with_suffix(".pom.xml")
        pom.write_text(_pom(dependencies), encoding="utf-8")
        return ["-f", str(pom), f"{_PLUGIN}:copy-dependencies", f"-DoutputDirectory={folder}"]

    return _fetch(name, arguments)


def _fetch(name: str, arguments: Callable[[Path], Sequence[str]]) -> Path:
    target = cache_folder() / name
    if target.is_dir():
        return target
    maven = _maven(name)
    partial = target.with_name(f"{name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        _run_maven(maven, arguments(partial), name)
        _check(partial, name)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        partial.with_suffix(".pom.xml").unlink(missing_ok=True)
    return target


def _maven(name: str) -> str:
    if find_program("mvn") is None:
        try:
            install_package("maven")
        except Missing as reason:
            raise Missing(f"Maven (mvn) is needed to fetch {name}: {reason}") from None
    program = find_program("mvn")
    if program is None:
        raise Missing(f"Maven (mvn) is needed to fetch {name}, and is not there")
    return program


def _run_maven(maven: str, arguments: Sequence[str], name: str) -> None:
    run = subprocess.run(
        [maven, "--batch-mode", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if run.returncode != 0:
        raise Missing(f"Maven could not fetch {name}:\n{(run.stdout + run.stderr)[-2000:]}")


def _check(folder: Path, name: str) -> None:
    """Compare every file of ``folder`` with ``checksums/<name>.sha256``, both ways."""
    lines = (_CHECKSUMS / f"{name}.sha256").read_text(encoding="utf-8").splitlines()
    expected = {file: digest for digest, file in (line.split(maxsplit=1) for line in lines)}
    got = {path.name: sha256(path) for path in folder.iterdir()}
    wrong = sorted(
        file for file in expected.keys() | got.keys() if expected.get(file) != got.get(file)
    )
    if wrong:
        raise Missing(f"{name}: fetched files differ from what is known: {', '.join(wrong)}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pom(dependencies: Sequence[str]) -> str:
    blocks = []
    for dependency in dependencies:
        group, artifact, version = map(escape, dependency.split(":"))
        blocks.append(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>phee</groupId><artifactId>services</artifactId><version>1</version>"
        f"<dependencies>{''.join(blocks)}</dependencies></project>"
    )

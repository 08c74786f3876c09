"""The one line that names a MySQL server, and what tenants are called there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from phee.errors import InvalidInput, InvariantBroken, Unavailable
from phee.stores.mysql.address import parse_address
from phee.stores.mysql.names import database_name
from phee.stores.mysql.onboarding import collation_for
from phee.stores.mysql.passwords import ensure_password, password_path, read_password
from phee.stores.relational.stores import SqliteStores, relational_stores


def test_names_of_tenants_never_meet() -> None:
    ids = [
        "a", "a-b", "a_b", "a.b", "axb", "a--b", "a-ub", "aub", "default", "<default>",
        *("x" * 30 + end for end in "yz"), *("x" * 26 + end for end in ("._-_.", "-_.._")),
    ]  # fmt: skip
    names = [database_name("phee", tenant) for tenant in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert len(name) <= 32
        assert name == name.lower()
        assert "_" not in name.removeprefix("phee_"), "a grant would reach other databases"
        assert "%" not in name


@pytest.mark.parametrize("tenant", ["A", "a`b", "a'b", "a%b", "é", "a b", "a/b", "$x"])
def test_nothing_else_can_be_part_of_a_name(tenant: str) -> None:
    with pytest.raises(InvariantBroken):
        database_name("phee", tenant)


def test_a_password_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="importer"):
        read_password(tmp_path, "rhino")
    made = ensure_password(tmp_path, "rhino")
    assert ensure_password(tmp_path, "rhino") == made == read_password(tmp_path, "rhino")
    assert stat.S_IMODE(password_path(tmp_path, "rhino").stat().st_mode) == 0o600
    assert ensure_password(tmp_path, "gorilla") != made
    assert [path.name for path in (tmp_path / "tenants/rhino").iterdir()] == ["database.password"]


def test_texts_compare_by_every_character_on_both_servers() -> None:
    assert collation_for("10.11.19-MariaDB-0+deb12u1") == "utf8mb4_nopad_bin"
    assert collation_for("8.4.3") == "utf8mb4_0900_bin"


def test_the_default_is_a_file_per_tenant(tmp_path: Path) -> None:
    stores = relational_stores("sqlite", tmp_path)
    assert isinstance(stores, SqliteStores)
    assert not stores.has_store("rhino")
    stores.onboard("rhino")
    assert stores.has_store("rhino")


# --- the one line ---


@pytest.mark.parametrize(
    ("database", "wrong"),
    [
        ("mysql://op:geheim@host/phee", "password"),
        ("mysql://host/phee", "operator"),
        ("mysql://op@/phee", "host"),
        ("mysql://op@host:geheim/phee", "not an address"),
        ("mysql://op@host/Ph_ee", "prefix"),
        ("mysql://op@host/phee?geheim=1", "unknown options"),
        ("mysql://op@host/phee?tls=maybe", "tls"),
        ("postgres://op@host/phee", "no such relational store"),
    ],
)
def test_an_address_that_cannot_be_used(tmp_path: Path, database: str, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong) as raised:
        relational_stores(database, tmp_path)
    assert "geheim" not in str(raised.value)


def test_what_the_address_says() -> None:
    plain = parse_address("mysql://op@db.example")
    assert (plain.host, plain.port, plain.user, plain.prefix) == ("db.example", 3306, "op", "phee")
    assert plain.tls == "preferred"
    full = parse_address("mariadb://op@[::1]:3307/hub1?tls=required&ca=/ca.pem&password_file=/p")
    assert (full.host, full.port, full.prefix, full.tls) == ("::1", 3307, "hub1", "required")
    assert str(full.certificate_authority) == "/ca.pem"
    assert str(full.password_file) == "/p"

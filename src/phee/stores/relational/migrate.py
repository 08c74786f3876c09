"""Bringing a tenant's tables up to date, from the migrations that ship with phee."""

from __future__ import annotations

import logging
from importlib import resources

from sqlalchemy import Connection, Engine, inspect, text

from phee.errors import InvalidState, Unavailable
from phee.stores.relational.tables import metadata

NEWEST = "0004"
"""The newest migration; a database that has it needs no look at the others."""
LOCK_WAIT_S = 60


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not had yet.

    Safe to call at every start, from several processes at once. On SQLite it is one transaction:
    after an error the tables are as before. On MySQL every step is committed by itself, so what a
    first migration left unfinished is taken away before it begins again.

    Raises:
        InvalidState: the tables are of a newer version, or are not ours.
        DBAPIError: what the database raises.
    """
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            _wait_for_others(connection)
        with connection.begin():
            current = current_version(connection)
            if current == NEWEST:
                return
            if current is None and engine.dialect.name != "sqlite":
                _remove_unfinished(connection)
            _upgrade(connection)


def current_version(connection: Connection) -> str | None:
    """Return the newest migration that the database has had, None when it had none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _wait_for_others(connection: Connection) -> None:
    """Let one process at a time migrate a database; the lock ends with the connection."""
    with connection.begin():
        name = connection.execute(text("SELECT SHA1(CONCAT('phee-migrate', DATABASE()))")).scalar()
        wait = text("SELECT GET_LOCK(:name, :wait_s)")
        if connection.execute(wait, {"name": name, "wait_s": LOCK_WAIT_S}).scalar() != 1:
            raise Unavailable(
                "another process is migrating this tenant's tables", fix="Try again when it is done"
            )


def _remove_unfinished(connection: Connection) -> None:
    """Drop the tables of a first migration that did not end; they are empty."""
    names = inspect(connection).get_table_names()
    for name in names:
        if name not in {"alembic_version", *metadata.tables} or _has_rows(connection, name):
            raise InvalidState(
                "the database has tables that are not phee's",
                where=name[:64],
                fix="Give the hub a prefix of its own (mysql://.../PREFIX)",
            )
    for name in names:
        connection.execute(text(f"DROP TABLE `{name}`"))


def _has_rows(connection: Connection, table: str) -> bool:
    found = connection.execute(text(f"SELECT 1 FROM `{table}` LIMIT 1"))  # noqa: S608 - our names
    return found.first() is not None


def _upgrade(connection: Connection) -> None:
    # Imported here: most starts find nothing to do, and importers are to stay small.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    folder = resources.files("phee.stores.relational").joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise InvalidState(
            "the tables are of another version of phee",
            fix="Run the version that wrote them, or a newer one",
        ) from error

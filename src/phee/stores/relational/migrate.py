"""Bringing a tenant's tables up to date, from the migrations that ship with phee."""

from __future__ import annotations

import logging
from importlib import resources

from sqlalchemy import Connection, Engine, inspect, text

NEWEST = "0002"
"""The newest migration; a database that has it needs no look at the others."""


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not had yet, in one transaction.

    Safe to call at every start. Raises what the database raises; the tables are then as before.
    """
    with engine.begin() as connection:
        if _current(connection) != NEWEST:
            _upgrade(connection)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    # Imported here: most starts find nothing to do, and importers are to stay small.
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    folder = resources.files("phee.stores.relational").joinpath("migrations")
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""Alembic's entry point: runs on the connection that :func:`migrate` hands over."""

from __future__ import annotations

from alembic import context

from phee.stores.relational.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=connection.dialect.name == "sqlite",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

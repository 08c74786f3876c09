"""kill -9 of importers and of a MySQL server under load: the rows equal the log's fold.

PHEE_TEST_KILLS sets the number of kills.
"""

from __future__ import annotations

import os

import pytest
from killed_processes import LoadedImporter
from mariadb_server import MariaDbServer
from relational_runtimes import MysqlRuntime
from two_tenants import rows_of_all, sqlite_rows

KILLS = int(os.environ.get("PHEE_TEST_KILLS", "4"))
pytestmark = [pytest.mark.services, pytest.mark.slow]


def importer_into(runtime: MysqlRuntime) -> LoadedImporter:
    return LoadedImporter("relational", runtime.data, "--database", runtime.database)


def finish(importer: LoadedImporter, runtime: MysqlRuntime) -> None:
    importer.finish()
    assert rows_of_all(runtime) == sqlite_rows(importer.log)


def test_kills_of_the_importer_lose_nothing_and_double_nothing(mysql: MysqlRuntime) -> None:
    importer = importer_into(mysql)
    for _ in range(KILLS):
        importer.start()
        importer.wait_for_progress()
        importer.pause()
        importer.kill()
    importer.start()
    finish(importer, mysql)


def test_kills_of_the_server_lose_nothing_and_double_nothing(
    mysql: MysqlRuntime, mariadb: MariaDbServer
) -> None:
    importer = importer_into(mysql)
    importer.start()
    for _ in range(KILLS):
        importer.wait_for_progress()
        importer.pause()
        mariadb.kill()
        importer.pause()
        mariadb.start()
    importer.wait_for_progress()
    finish(importer, mysql)


def test_kills_of_both_at_once(mysql: MysqlRuntime, mariadb: MariaDbServer) -> None:
    importer = importer_into(mysql)
    for _ in range(2):
        importer.start()
        importer.wait_for_progress()
        importer.pause()
        mariadb.kill()
        importer.kill()
        importer.start()  # it finds no server
        importer.pause()
        mariadb.start()
        importer.wait_for_progress()
        importer.kill()
    importer.start()
    finish(importer, mysql)

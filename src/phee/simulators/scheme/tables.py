"""The scheme on disk."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS participants (
    fsp_id TEXT PRIMARY KEY, callback_url TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS parties (
    id_type TEXT NOT NULL, identifier TEXT NOT NULL, fsp_id TEXT NOT NULL,
    PRIMARY KEY (id_type, identifier)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS transfers (
    transfer_id TEXT PRIMARY KEY, payer_fsp TEXT NOT NULL, payee_fsp TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL, condition TEXT NOT NULL,
    expires_ms INTEGER NOT NULL, state TEXT NOT NULL, fulfilment TEXT NOT NULL,
    error_code TEXT NOT NULL, error_description TEXT NOT NULL, finished_ms INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, fsp_id TEXT NOT NULL, kind TEXT NOT NULL, method TEXT NOT NULL,
    path TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, due_ms INTEGER NOT NULL
) STRICT;
"""

UPSERT_PARTICIPANT = """
INSERT INTO participants VALUES (?, ?)
ON CONFLICT DO UPDATE SET callback_url = excluded.callback_url
"""
UPSERT_PARTY = """
INSERT INTO parties VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET fsp_id = excluded.fsp_id
"""
UPSERT_TRANSFER = """
INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    state = excluded.state, fulfilment = excluded.fulfilment, error_code = excluded.error_code,
    error_description = excluded.error_description, finished_ms = excluded.finished_ms
"""
INSERT_CALLBACK = "INSERT INTO callbacks VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DELETE_CALLBACK = "DELETE FROM callbacks WHERE id = ?"

SELECT_PARTICIPANTS = "SELECT fsp_id, callback_url FROM participants"
SELECT_PARTIES = "SELECT id_type, identifier, fsp_id FROM parties"
SELECT_TRANSFERS = """
SELECT transfer_id, payer_fsp, payee_fsp, amount, currency, condition, expires_ms, state,
       fulfilment, error_code, error_description, finished_ms
FROM transfers
"""
SELECT_CALLBACKS = """
SELECT id, fsp_id, kind, method, path, headers, body, due_ms FROM callbacks ORDER BY id
"""

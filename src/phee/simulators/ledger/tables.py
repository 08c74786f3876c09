"""The ledger on disk. Balances and holds are not stored: they are sums over what happened."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    tenant TEXT NOT NULL, account_id TEXT NOT NULL, currency TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (tenant, account_id)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS parties (
    tenant TEXT NOT NULL, id_type TEXT NOT NULL, identifier TEXT NOT NULL,
    currency TEXT NOT NULL, account_id TEXT NOT NULL,
    PRIMARY KEY (tenant, id_type, identifier, currency)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS transfers (
    tenant TEXT NOT NULL, transfer_code TEXT NOT NULL, role TEXT NOT NULL,
    party TEXT NOT NULL, account_id TEXT NOT NULL, currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0), state TEXT NOT NULL, refusal TEXT NOT NULL,
    prepared INTEGER NOT NULL, transaction_code TEXT NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, transfer_code, role)
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS postings (
    tenant TEXT NOT NULL, transfer_code TEXT NOT NULL, role TEXT NOT NULL,
    debit_account TEXT NOT NULL, credit_account TEXT NOT NULL,
    currency TEXT NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0), at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, transfer_code, role)
) WITHOUT ROWID, STRICT;
"""

INSERT_ACCOUNT = "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)"
INSERT_PARTY = "INSERT INTO parties VALUES (?, ?, ?, ?, ?)"
INSERT_POSTING = "INSERT INTO postings VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
UPSERT_TRANSFER = """
INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    state = excluded.state, refusal = excluded.refusal, at_ms = excluded.at_ms
"""

SELECT_ACCOUNTS = "SELECT tenant, account_id, currency, kind, name FROM accounts"
SELECT_PARTIES = "SELECT tenant, id_type, identifier, currency, account_id FROM parties"
SELECT_TRANSFERS = """
SELECT tenant, transfer_code, role, party, account_id, currency, amount, state, refusal, prepared,
       transaction_code, at_ms
FROM transfers
"""
SELECT_BALANCES = """
SELECT tenant, account, SUM(amount) FROM (
    SELECT tenant, credit_account AS account, amount FROM postings
    UNION ALL
    SELECT tenant, debit_account, -amount FROM postings
) GROUP BY tenant, account
"""

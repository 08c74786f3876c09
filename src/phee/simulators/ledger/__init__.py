"""A core-banking ledger of many banks: accounts, holds, double-entry postings."""

"""Drive the same scenario on a real Zeebe and on the embedded engine, and compare the records."""

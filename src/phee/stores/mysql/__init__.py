"""Stores on a MySQL 8 or MariaDB server: one database and one account per tenant.

What may be relied on is that of the embedded stores; a commit is durable by itself here. Only
statements that both servers understand are used.
"""

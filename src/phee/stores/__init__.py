"""The stores: rows and documents of each tenant, written by importers, read by the operations API.

Every tenant has files (or databases, or indices) of its own, and a connection belongs to one of
them. Rows and the watermark that says how far the stream has been applied change in one
transaction.
"""

"""Importers: stream -> projections -> stores, one process per kind of store.

``python -m phee.importers relational --data DIR`` and ``... search --data DIR``; see
:func:`phee.importers.process.run_importer`.
"""

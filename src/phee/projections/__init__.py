"""What a record means for a row or a document. Pure: records in, changes out.

Generic projections need no configuration; payments are found by a mapping file. A fold takes the
records of one tenant in order and yields at most one change per row, whatever their number.
"""

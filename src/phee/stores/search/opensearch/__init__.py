"""The search store on OpenSearch 2 and 3 and Elasticsearch 7.10 to 9, over plain HTTP.

One implementation for both: only calls that all of them answer alike are used. A tenant has its
own indices (:mod:`.indices`), its own documents, watermarks and dead letters; the tenant's name is
part of every index name and nothing else is ever asked.

There are no transactions here. What takes their place is written down in :mod:`.store`.
"""

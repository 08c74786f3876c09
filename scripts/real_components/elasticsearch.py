"""Elasticsearch 7.10, the last freely licensed one."""

from __future__ import annotations

from typing import ClassVar

from real_components.component import Ports
from real_components.search_node import SearchComponent


class Elasticsearch(SearchComponent):
    """See SearchComponent."""

    name = "elasticsearch"
    version = "7.10.2"
    ports: ClassVar[Ports] = {"http": 9211}
    java = 17
    runner_library = f"org.codelibs:elasticsearch-cluster-runner:{version}.0"
    runner_class = "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner"

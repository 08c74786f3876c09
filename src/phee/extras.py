"""The optional libraries: which extra of phee brings which module, and what to say without it."""

from __future__ import annotations

from importlib.util import find_spec

from phee.errors import NotSupported

_MODULES = {
    "kafka": "confluent_kafka",
    "mysql": "pymysql",
    "parquet": "pyarrow",
    "search": "httpx2",
    "xlsx": "xlsxwriter",
}


def require_extra(extra: str, *, where: str) -> None:
    """Accept that the library of ``extra`` is needed; ``where`` is the setting that asks for it.

    Raises:
        NotSupported: it is not installed; the text names the extra to install.
    """
    module = _MODULES[extra]
    if find_spec(module) is None:
        raise NotSupported(
            f"the library {module} is not installed",
            where=where,
            fix=f"Install phee with its extra: pip install 'phee[{extra}]'",
        )

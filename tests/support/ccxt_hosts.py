"""How unmodified ccxt is pointed at a local exchange: the host in every address of `exchange.urls["api"]`.

`proxyUrl` raises in this version, and `set_sandbox_mode` would put other addresses in their place.
"""

from __future__ import annotations

import re
from typing import Any


def rewrite_hosts(addresses: Any, url: str) -> Any:
    """The same structure with every host replaced by that of `url`."""
    if isinstance(addresses, dict):
        return {name: rewrite_hosts(inner, url) for name, inner in addresses.items()}
    return re.sub(r"^(https?|wss?)://[^/]+", url, addresses)

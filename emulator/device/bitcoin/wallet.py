"""The keys of one coin: derives only what the coin's path rules allow."""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import ButtonRequestType

from ..errors import DataError, FirmwareError, forbidden_key_path
from ..flow import Flow
from ..keys import Node
from ..screens import Screen
from . import coins, paths
from .coins import Coin

_CACHED_PREFIX = 3  # purpose, coin, account
_CACHE_SIZE = 1000


class Wallet:
    """Keychain of a coin within the session of a workflow."""

    def __init__(self, flow: Flow, coin: Coin) -> None:
        self._flow = flow
        self.coin = coin
        self._root = flow.root()
        self._nodes: dict[tuple[int, ...], Node] = {}

    @classmethod
    def for_coin(cls, flow: Flow, coin_name: str) -> Wallet:
        """The wallet of a coin by name. Raises DataError for an unknown one."""
        coin = coins.by_name(coin_name)
        if coin is None:
            raise DataError("Unsupported coin type")
        return cls(flow, coin)

    def verify_path(self, path: Sequence[int]) -> None:
        if self._flow.state.strict and not paths.is_in_keychain(self.coin, path):
            raise forbidden_key_path()

    def derive(self, path: Sequence[int]) -> Node:
        """The key at a path. Raises DataError "Forbidden key path"."""
        self.verify_path(path)
        key = tuple(path)
        node = self._nodes.get(key)
        if node is None:
            node = self._account(key[:_CACHED_PREFIX]).derive(key[_CACHED_PREFIX:])
            if len(self._nodes) < _CACHE_SIZE:
                self._nodes[key] = node
        return node

    def _account(self, prefix: tuple[int, ...]) -> Node:
        node = self._nodes.get(prefix)
        if node is None:
            node = self._nodes[prefix] = self._root.derive(prefix)
        return node

    def decoy(self, path: Sequence[int]) -> Node:
        """Another key of the same wallet, for a device that lies."""
        if not path:
            raise FirmwareError("the root has no sibling")
        return self._root.derive([*path[:-1], path[-1] ^ 1])

    def warn_unusual_path(self, path: Sequence[int]) -> None:
        """Ask the person whether to go on with a path that does not fit."""
        lines = (paths.format_path(path), "Continue anyway?")
        code = int(ButtonRequestType.UnknownDerivationPath)
        self._flow.confirm(
            Screen("path_warning", "Wrong derivation path for selected account.", lines, code, "CONTINUE")
        )

"""The keys of one coin: derives only what the coin's path rules allow.

Coinjoin paths (SLIP-25) are closed unless this workflow was unlocked for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import ButtonRequestType, InputScriptType

from ..errors import FirmwareError, forbidden_key_path
from ..flow import Flow
from ..keys import Node
from ..ui.screens import Screen
from . import coins, paths
from .coins import Coin
from .path_policies import Unlocked
from .rules import rules_for

_CACHED_PREFIX = 3  # purpose, coin, account
_CACHE_SIZE = 1000


class Wallet:
    """Keychain of a coin within the session of a workflow."""

    def __init__(
        self, flow: Flow, coin: Coin, *, change_chain_too: bool = False, open_now: bool = True
    ) -> None:
        """`change_chain_too`: an unlocked coinjoin account is open with its change addresses.

        `open_now`: ask for the passphrase at once, not when the first key is needed.
        """
        self._flow = flow
        self._change_chain_too = change_chain_too
        self.coin = coin
        self.rules = rules_for(flow.persona)
        self._root = flow.root() if open_now else None
        self._nodes: dict[tuple[int, ...], Node] = {}

    @classmethod
    def for_coin(cls, flow: Flow, coin_name: str, *, change_chain_too: bool = False) -> Wallet:
        """The wallet of a coin by name. Raises DataError for an unknown one."""
        return cls(flow, cls._coin(flow, coin_name), change_chain_too=change_chain_too)

    @classmethod
    def for_path_check(cls, flow: Flow, coin_name: str, *, change_chain_too: bool = False) -> Wallet:
        """As `for_coin`, for messages that look at a path first, where the firmware has it so."""
        open_now = rules_for(flow.persona).seed_before_paths
        coin = cls._coin(flow, coin_name)
        return cls(flow, coin, change_chain_too=change_chain_too, open_now=open_now)

    @staticmethod
    def _coin(flow: Flow, coin_name: str) -> Coin:
        rules = rules_for(flow.persona)
        return coins.wanted(coin_name, rules.coins, rules.unknown_coin)

    def _opened(self) -> Node:
        if self._root is None:
            self._root = self._flow.root()
        return self._root

    def is_in_keychain(self, path: Sequence[int]) -> bool:
        """Whether the path is the coin's own, or was unlocked."""
        return self.rules.path_policy.allows(self.coin, path, self._unlocked(path))

    def fits(
        self,
        path: Sequence[int],
        script_type: InputScriptType,
        *,
        multisig: bool = False,
        for_message: bool = False,
    ) -> bool:
        """Whether the path is usual for the script type; if not, the person is warned."""
        return self.rules.path_policy.fits(
            self.coin,
            path,
            script_type,
            multisig=multisig,
            for_message=for_message,
            unlocked=self._unlocked(path),
        )

    def _unlocked(self, path: Sequence[int]) -> Unlocked:
        opened = self._flow.unlocked_path
        if opened is None or list(path[: len(opened)]) != list(opened):
            return Unlocked.NOTHING
        return Unlocked.ALL if self._change_chain_too else Unlocked.EXTERNAL

    def verify_path(self, path: Sequence[int], *, lenient: bool = False) -> None:
        """Raises DataError for a foreign path, which relaxed safety checks may forgive.

        `lenient`: the message is one for which every firmware forgives it.
        """
        forgiven = not self._flow.state.strict and (lenient or self.rules.prompt_allows_any_path)
        if not forgiven and not self.is_in_keychain(path):
            raise forbidden_key_path()

    def derive(self, path: Sequence[int], *, lenient: bool = False) -> Node:
        """The key at a path. Raises DataError "Forbidden key path"."""
        key = tuple(path)
        node = self._nodes.get(key)
        if node is None or len(key) <= _CACHED_PREFIX:
            self.verify_path(path, lenient=lenient)
            node = self._account(key[:_CACHED_PREFIX]).derive(key[_CACHED_PREFIX:])
            if len(self._nodes) < _CACHE_SIZE:
                self._nodes[key] = node
        return node

    def _account(self, prefix: tuple[int, ...]) -> Node:
        node = self._nodes.get(prefix)
        if node is None:
            node = self._nodes[prefix] = self._opened().derive(prefix)
        return node

    def decoy(self, path: Sequence[int]) -> Node:
        """Another key of the same wallet, for a device that lies."""
        if not path:
            raise FirmwareError("the root has no sibling")
        return self._opened().derive([*path[:-1], path[-1] ^ 1])

    def warn_unusual_path(self, path: Sequence[int]) -> None:
        """Ask the person whether to go on with a path that does not fit."""
        title, question = self.rules.path_warning
        code = int(ButtonRequestType.UnknownDerivationPath)
        lines = (paths.format_path(path), question)
        self._flow.confirm(Screen("path_warning", title, lines, code, "CONTINUE"))

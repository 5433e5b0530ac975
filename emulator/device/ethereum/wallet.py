"""The Ethereum keys of one request: its network, and the paths that may be used on it.

Refuses paths that are no account of the network while safety checks are strict; asks about them
while they are not.
"""

from __future__ import annotations

from collections.abc import Sequence

from trezorlib.messages import ButtonRequestType

from ..errors import FirmwareError, forbidden_key_path
from ..flow import Flow
from ..keys import Node
from ..protocol.proto import Message
from ..ui.screens import Screen
from . import paths
from .address import address_of_key, checksum_address
from .definitions import Definitions, Hints, definitions_for
from .networks import UNKNOWN_NETWORK, Network
from .rules import EthereumRules, rules_for


class Wallet:
    """Keychain of a network within the session of a workflow."""

    def __init__(
        self,
        flow: Flow,
        definitions: Definitions,
        coins: Sequence[int],
        rules: EthereumRules,
        *,
        wide: bool = True,
    ) -> None:
        self._flow = flow
        self.rules = rules
        self.definitions = definitions
        self._coins = tuple(coins)
        self._wide = wide
        if rules.seed_before_path:
            flow.root()

    @classmethod
    def for_hints(cls, flow: Flow, hints: Hints) -> Wallet:
        """The wallet of the network that the hints name. Raises DataError for bad definitions."""
        rules = rules_for(flow.persona)
        definitions = definitions_for(rules, hints)
        return cls(flow, definitions, paths.coin_types(rules, definitions.network), rules)

    @classmethod
    def for_path(
        cls,
        flow: Flow,
        address_n: Sequence[int],
        encoded_network: bytes | None = None,
        encoded_token: bytes | None = None,
    ) -> Wallet:
        """The wallet for a request that names no chain: the path's coin type tells the network."""
        slip44 = paths.slip44_of(address_n)
        return cls.for_hints(flow, Hints(None, slip44, encoded_network, encoded_token))

    @classmethod
    def for_chain(
        cls, flow: Flow, chain_id: int, definitions: Message | None, recipient: str | None
    ) -> Wallet:
        """The wallet for a request about a chain; `definitions` is an EthereumDefinitions."""
        network = None if definitions is None else definitions.encoded_network
        token = None if definitions is None else definitions.encoded_token
        return cls.for_hints(flow, Hints(chain_id, None, network, token, recipient))

    # OneKey's own messages bring no definitions

    @classmethod
    def for_own_chain(cls, flow: Flow, chain_id: int) -> Wallet:
        """The wallet for one of OneKey's own messages about a chain."""
        rules = rules_for(flow.persona)
        registry = rules.own_registry or rules.registry
        network = registry.by_chain_id(chain_id)
        coins = paths.coin_types(rules, network)
        if network is UNKNOWN_NETWORK:
            coins = rules.own_unknown_chain_coins
        return cls(flow, Definitions(registry, network), coins, rules, wide=rules.own_paths_wide)

    @classmethod
    def for_own_path(cls, flow: Flow, address_n: Sequence[int], chain_id: int | None = None) -> Wallet:
        """The wallet for one of OneKey's own messages about a path of any known coin type."""
        rules = rules_for(flow.persona)
        registry = rules.own_registry or rules.registry
        slip44 = paths.slip44_of(address_n)
        known = slip44 is not None and registry.has_slip44(slip44)
        network = UNKNOWN_NETWORK
        if chain_id:
            network = registry.by_chain_id(chain_id)
        elif slip44 is not None:
            network = registry.by_slip44(slip44)
        coins = (slip44,) if known and slip44 is not None else ()
        return cls(flow, Definitions(registry, network), coins, rules, wide=rules.own_paths_wide)

    @property
    def network(self) -> Network:
        return self.definitions.network

    def allows(self, path: Sequence[int]) -> bool:
        """Whether the path is an account of this network."""
        return paths.is_address_path(self.rules, self._coins, path, wide=self._wide)

    def allows_branch(self, path: Sequence[int]) -> bool:
        """Whether the path is an account's or below it, for public keys; of Casa's, an address's."""
        below = paths.is_account_branch(self.rules, self._coins, path)
        return below or (self._wide and self.allows(path))

    def verify_path(self, path: Sequence[int]) -> None:
        """Refuse a forbidden path ("Forbidden key path") while safety checks are strict."""
        if self._flow.state.strict and not self.allows(path):
            raise forbidden_key_path()

    def validate_path(self, path: Sequence[int]) -> None:
        """Refuse a forbidden path, or ask about it when safety checks only prompt."""
        self.verify_path(path)
        if not self.allows(path):
            self._warn_unusual_path(path)

    def validate_branch(self, path: Sequence[int]) -> None:
        """The same for public keys, which may be of any level from the account down."""
        if not self.allows_branch(path):
            if self._flow.state.strict:
                raise forbidden_key_path()
            self._warn_unusual_path(path)

    def derive(self, path: Sequence[int]) -> Node:
        """The key at a path. Raises DataError "Forbidden key path"."""
        self.verify_path(path)
        return self._flow.root().derive(path)

    def address(self, node: Node) -> str:
        """The address of a key, as this network writes it."""
        return checksum_address(address_of_key(node.public_key), self.network)

    def decoy(self, path: Sequence[int]) -> Node:
        """Another key of the same wallet, for a device that lies."""
        if not path:
            raise FirmwareError("the root has no sibling")
        return self._flow.root().derive([*path[:-1], path[-1] ^ 1])

    def _warn_unusual_path(self, path: Sequence[int]) -> None:
        lines = (paths.format_path(path), "Continue anyway?")
        title = "Wrong derivation path for selected account."
        code = int(ButtonRequestType.UnknownDerivationPath)
        self._flow.confirm(Screen("path_warning", title, lines, code, "CONTINUE"))

"""Where the firmwares differ on Ethereum: one named field per behaviour, one row per persona.

Sources: apps/ethereum of the core firmwares, ethereum.c, ethereum_definitions.c and
fsm_msg_ethereum.h of the legacy ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import FirmwareError
from ..keys import HARDENED
from ..personas import Persona
from .checks import CORE, LEGACY, ONEKEY_PRO, Checks
from .networks import Registry, onekey_classic_registry, onekey_pro_registry, trezor_registry


@dataclass(frozen=True, slots=True)
class EthereumRules:
    """Behaviour of one firmware."""

    registry: Registry
    # Highest account and address index of a path.
    max_account: int = 100
    max_index: int = 1_000_000
    # Whether any unhardened steps may follow the change level.
    open_ended_paths: bool = False
    # Coin type 1 on networks of coin type 60, and coin type 60 on those of coin type 1.
    testnet_paths_everywhere: bool = True
    # The seed (and with it the passphrase) is fetched before the path is looked at.
    seed_before_path: bool = True
    # Definitions older than this are refused (Unix time of the firmware's own tables).
    oldest_definition: int = 1_783_520_408
    invalid_definition: str = "Invalid definition"
    # A network definition names the chain, whatever chain or coin type the request is about.
    definition_decides_chain: bool = False
    # ... only when the request names no chain of its own.
    definition_decides_chain_of_paths: bool = False
    # Token definitions are read only for a recipient that is an address, and must be its own.
    token_follows_recipient: bool = False
    # A recipient that is not an address becomes contract creation instead of a failure.
    lenient_recipient: bool = False
    # Data pieces: longer ones than asked for (than what is left, where that suffices) are refused.
    checks_chunks: bool = True
    chunks_may_be_longer: bool = False
    refuses_empty_chunks: bool = False
    # How much data is fetched before anything is asked; None: what came with the request.
    data_kept: int | None = 6144
    # The address beside a message's signature carries its chain's checksum (RSKIP-60).
    signer_checksum_of_chain: bool = False
    # VerifyMessage takes v of 0 and 1 too, and reports what is malformed twice.
    lenient_verification: bool = False
    # SignTypedHash refuses hashes that are not 32 bytes.
    checks_hash_lengths: bool = False
    # Longest message that is signed; None: any that arrives.
    longest_message: int | None = None
    # GetAddress returns a SLIP-24 MAC.
    address_mac: bool = True
    # OneKey's own messages: their networks and tokens (None: those above), coin types on unknown
    # chains, and whether Casa's and Ledger Live's schemes are allowed.
    own_registry: Registry | None = None
    own_unknown_chain_coins: tuple[int, ...] = (60, 1)
    own_paths_wide: bool = True
    # What is refused of a transaction, and in which order.
    checks: Checks = CORE
    # SLIP-24 payment requests.
    payment_requests: bool = False
    # EIP-7702 delegation in EthereumSignTxEIP1559.
    delegates: bool = False
    # A delegation with a path of its own has the transaction signed with that path's key too.
    authorisation_key_signs: bool = False
    # The answer to a piece of data nobody asked for.
    stray_chunk: str = "Unexpected message"
    # An address's checksum follows the coin type of its path, not the network.
    checksum_by_path: bool = False
    # A debug build of core answers its own exceptions with their text.
    names_exceptions: bool = True
    # GetPublicKey: only m/44' and m/45' (the others let any path pass).
    public_key_purposes: tuple[int, ...] = ()

    def stumble(self, text: str) -> FirmwareError:
        """The answer to an exception of the firmware's own, whose text is `text`."""
        return FirmwareError(text if self.names_exceptions else "Firmware error")


_TREZOR_CORE = EthereumRules(
    registry=trezor_registry(),
    signer_checksum_of_chain=True,
    delegates=True,
    payment_requests=True,
)
_TREZOR_ONE = EthereumRules(
    registry=trezor_registry(),
    lenient_verification=True,
    checks_hash_lengths=True,
    seed_before_path=False,
    token_follows_recipient=True,
    lenient_recipient=True,
    chunks_may_be_longer=True,
    refuses_empty_chunks=True,
    data_kept=None,
    address_mac=False,
    checks=LEGACY,
    checksum_by_path=True,
    stray_chunk="Not in Ethereum signing mode",
    public_key_purposes=(44 | HARDENED, 45 | HARDENED),
)
_ONEKEY_CLASSIC_1S = replace(
    _TREZOR_ONE,
    registry=onekey_classic_registry(),
    max_account=HARDENED - 1,
    testnet_paths_everywhere=False,
    oldest_definition=1_680_529_464,
    invalid_definition="Invalid Ethereum definition",
    definition_decides_chain=True,
    # Both makes build these from the same public list of chains.
    own_registry=onekey_pro_registry(),
    authorisation_key_signs=True,
)
_ONEKEY_PRO = EthereumRules(
    registry=onekey_pro_registry(),
    longest_message=8192,
    max_account=HARDENED - 1,
    max_index=HARDENED - 1,
    open_ended_paths=True,
    testnet_paths_everywhere=False,
    oldest_definition=1_680_529_464,
    invalid_definition="Invalid Ethereum definition",
    definition_decides_chain_of_paths=True,
    checks_chunks=False,
    data_kept=None,
    address_mac=False,
    own_unknown_chain_coins=(0, 60),
    own_paths_wide=False,
    names_exceptions=False,
    checks=ONEKEY_PRO,
)

_RULES = {
    "trezor-core": _TREZOR_CORE,
    "trezor-one": _TREZOR_ONE,
    "onekey-classic1s": _ONEKEY_CLASSIC_1S,
    "onekey-pro": _ONEKEY_PRO,
}


def rules_for(persona: Persona) -> EthereumRules:
    """The rules of a persona."""
    return _RULES[persona.name]

"""Definitions of networks and tokens that the host brings, signed by the vendor.

A definition is a protobuf with a header, a Merkle proof and a CoSi signature (ed25519). Refused:
another format or type, one older than the firmware's own tables, a wrong proof or signature, and a
network other than the one asked about. Like every debug build, this device also takes definitions
signed with the development keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from trezorlib import cosi, messages
from trezorlib.messages import DefinitionType

from ..errors import DataError
from ..protocol import proto
from ..protocol.proto import Message, MessageClass
from .address import parse_address_leniently
from .networks import UNKNOWN_NETWORK, UNKNOWN_TOKEN, Network, Registry, Token
from .rules import EthereumRules

FORMAT_VERSION = b"trzd1"
SIGNATURE_LENGTH = 64
THRESHOLD = 2
VENDOR_KEYS = tuple(
    bytes.fromhex(key)
    for key in (
        "4334996343623e462f0fc93311fef1484ca23d2ff1eec6df1fa8eb7e3573b3db",
        "a9a22cc265a0cb1d6cb329bc0e60bc45df76b9ab28fb87b61136feaf8d8fdc96",
        "b8d2b21de27124f0511f903ae7e60e07961810a0b8f28ea755fa50367a8a2b8b",
    )
)
DEVELOPMENT_KEYS = tuple(
    bytes.fromhex(key)
    for key in (
        "68460ebef3b138164ec7fd8610e95800df7598f70f2f2ea7db5172ac74ebc144",
        "8d4abe074fef9229d3b441dfea4f98f805b1a2b3a06ae645810efece77fd5044",
        "97f7135a9a2690e73beb26556f1cb163bea2532affa1e7782430be98c0e56812",
    )
)
KINDS = {
    messages.EthereumNetworkInfo: DefinitionType.ETHEREUM_NETWORK,
    messages.EthereumTokenInfo: DefinitionType.ETHEREUM_TOKEN,
    messages.EthereumDisplayFormatInfo: DefinitionType.ETHEREUM_DISPLAY_FORMAT,
}


class _Reader:
    """Takes bytes off the front; `DataError` of the firmware's words when there are too few."""

    def __init__(self, data: bytes, complaint: str) -> None:
        self._data = data
        self._complaint = complaint
        self.offset = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self.offset : self.offset + count]
        if len(piece) < count:
            raise DataError(self._complaint)
        self.offset += count
        return piece

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    @property
    def at_end(self) -> bool:
        return self.offset == len(self._data)


def merkle_root(leaf: bytes, proof: list[bytes]) -> bytes:
    """Root of the tree in which `leaf` has that proof; pairs are sorted."""
    digest = hashlib.sha256(b"\0" + leaf).digest()
    for other in proof:
        digest = hashlib.sha256(b"\1" + min(digest, other) + max(digest, other)).digest()
    return digest


def is_signed(digest: bytes, signature: bytes, mask: int) -> bool:
    """Whether two of the vendor's (or of the development) keys signed."""
    for keys in (VENDOR_KEYS, DEVELOPMENT_KEYS):
        try:
            cosi.verify(signature, digest, THRESHOLD, keys, mask)
        except Exception:  # noqa: BLE001, S112 - whatever is wrong with it, it is not a signature
            continue
        return True
    return False


def decode_definition(rules: EthereumRules, encoded: bytes, cls: MessageClass) -> Message:
    """The definition in `encoded`, verified. Raises DataError."""
    complaint = rules.invalid_definition
    reader = _Reader(bytes(encoded), complaint)
    if reader.take(len(FORMAT_VERSION)) != FORMAT_VERSION:
        raise DataError(complaint)
    if reader.number(1) != KINDS[cls]:
        raise DataError("Definition type mismatch")
    if reader.number(4) < rules.oldest_definition:
        raise DataError("Definition is outdated")
    payload = reader.take(reader.number(2))
    leaf = bytes(encoded)[: reader.offset]
    proof = [reader.take(32) for _ in range(reader.number(1))]
    mask = reader.number(1)
    signature = reader.take(SIGNATURE_LENGTH)
    if not reader.at_end:
        raise DataError(complaint)
    if not is_signed(merkle_root(leaf, proof), signature, mask):
        raise DataError("Invalid definition signature")
    try:
        return proto.decode(cls, payload)
    except proto.DecodeError:
        raise DataError(complaint) from None


def decode_network(rules: EthereumRules, encoded: bytes) -> Network:
    """A network the host describes. Raises DataError."""
    info = decode_definition(rules, encoded, messages.EthereumNetworkInfo)
    return Network(info.chain_id, info.slip44, info.symbol, info.name)


def decode_token(rules: EthereumRules, encoded: bytes) -> Token:
    """A token the host describes. Raises DataError."""
    info = decode_definition(rules, encoded, messages.EthereumTokenInfo)
    return Token(info.chain_id, bytes(info.address), info.decimals, info.symbol)


@dataclass(frozen=True, slots=True)
class Definitions:
    """What is known for one request: its network, and tokens beyond the built-in ones."""

    registry: Registry
    network: Network = UNKNOWN_NETWORK
    tokens: Mapping[bytes, Token] = field(default_factory=dict)

    def token(self, address: bytes) -> Token:
        """The token at an address, `UNKNOWN_TOKEN` for an unknown one."""
        built_in = self.registry.token(self.network.chain_id, address)
        return built_in or self.tokens.get(bytes(address), UNKNOWN_TOKEN)


@dataclass(frozen=True, slots=True)
class Hints:
    """What a request says about its network: a chain id, or the coin type of its path."""

    chain_id: int | None = None
    slip44: int | None = None
    encoded_network: bytes | None = None
    encoded_token: bytes | None = None
    recipient: str | None = None


def definitions_for(rules: EthereumRules, hints: Hints) -> Definitions:
    """The network and tokens of a request; built-in ones come first. Raises DataError."""
    network = _network_for(rules, hints)
    if network is UNKNOWN_NETWORK:
        return Definitions(rules.registry)
    find = _token_of_recipient if rules.token_follows_recipient else _token_of_network
    token = find(rules, hints, network)
    return Definitions(rules.registry, network, {} if token is None else {token.address: token})


def _network_for(rules: EthereumRules, hints: Hints) -> Network:
    chain_id, slip44, encoded = hints.chain_id, hints.slip44, hints.encoded_network
    by_definition = rules.definition_decides_chain or (
        rules.definition_decides_chain_of_paths and chain_id is None
    )
    looked_up = chain_id
    if by_definition and encoded is not None:
        looked_up = decode_network(rules, encoded).chain_id
        if rules.definition_decides_chain_of_paths:
            chain_id, slip44 = looked_up, None
    network = UNKNOWN_NETWORK
    if looked_up is not None:
        network = rules.registry.by_chain_id(looked_up)
    elif slip44 is not None:
        network = rules.registry.by_slip44(slip44)
    else:
        return UNKNOWN_NETWORK
    if network is not UNKNOWN_NETWORK or encoded is None:
        return network
    network = decode_network(rules, encoded)
    if chain_id not in (None, network.chain_id) or slip44 not in (None, network.slip44):
        raise DataError("Network definition mismatch")
    return network


def _token_of_network(rules: EthereumRules, hints: Hints, network: Network) -> Token | None:
    if hints.encoded_token is None:
        return None
    token = decode_token(rules, hints.encoded_token)
    return token if token.chain_id == network.chain_id else None


def _token_of_recipient(rules: EthereumRules, hints: Hints, network: Network) -> Token | None:
    address = parse_address_leniently(hints.recipient)
    if address is None or hints.encoded_token is None:
        return None
    if rules.registry.token(network.chain_id, address) is not None:
        return None
    token = decode_token(rules, hints.encoded_token)
    return token if (token.chain_id, token.address) == (network.chain_id, address) else None

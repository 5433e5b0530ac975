"""OneKey's own EthereumSignTxEIP7702OneKey: the sender's account delegated to one of few contracts.

Both makes refuse the same things, in different order and words. Refused: other chains, more than
one authorisation, contracts that are not on the list, data other than the contract's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib.messages import ButtonRequestType

from ..errors import DataError
from ..flow import Flow
from ..protocol.proto import Message
from ..ui.screens import Screen
from . import checks, rlp
from .address import ADDRESS_LENGTH, parse_address, parse_address_leniently
from .calldata import ONEKEY
from .checks import Draft, Step
from .forms import EIP1559, Authorisation
from .keccak import keccak256
from .onekey_messages import EthereumAuthorizationSignature
from .questions.onekey_delegation import ask_delegation, ask_overview
from .questions.pressing import said_yes
from .rules import rules_for
from .sign_tx import Signing
from .wallet import Wallet

_MAGIC = b"\x05"
REVOKED = bytes(ADDRESS_LENGTH)
_NONCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Delegate:
    """A contract accounts may be delegated to, and the data of the transaction that does it."""

    name: str
    data: bytes = b""


DELEGATES = {
    REVOKED: Delegate("Revoke"),
    bytes.fromhex("80296ff8d1ed46f8e3c7992664d13b833504c2bb"): Delegate("OKX", bytes.fromhex("8129fc1c")),
    bytes.fromhex("63c0c19a282a1b52b07dd5a65b58948a07dae32b"): Delegate("MetaMask"),
    bytes.fromhex("4cd241e8d1510e30b2076397afc7508ae59c66c9"): Delegate("Simple"),
}


@dataclass(frozen=True, slots=True)
class _Words:
    """What a make calls its refusals."""

    nonce_mismatch: str
    both: str
    parity: str


_CLASSIC_WORDS = _Words(
    nonce_mismatch="Authorization nonce invalid",
    both="Authorization list item has both signature and address",
    parity="Authorization signature v invalid",
)
_PRO_WORDS = _Words(
    nonce_mismatch="Authority nonce invalid",
    both="Authorization contains both address_n and signature",
    parity="Authorization signature y parity invalid",
)


def _one_authorisation(draft: Draft) -> None:
    if not draft.msg.authorization_list:
        raise DataError("Authorization list is empty")
    if len(draft.msg.authorization_list) > 1:
        raise DataError("Only support Self-sponsoring transaction now")


def _right_chain(draft: Draft) -> None:
    item = draft.msg.authorization_list[0]
    if item.chain_id not in (0, draft.msg.chain_id):
        raise DataError("Authorization chain ID invalid")
    if len(item.address) != 42:
        raise DataError("Authorization address invalid, should start with 0x")


def _signature_or_nonce(draft: Draft, words: _Words) -> None:
    msg = draft.msg
    item = msg.authorization_list[0]
    nonce = int.from_bytes(item.nonce, "big")
    if nonce >= 1 << 8 * _NONCE_BYTES:
        raise DataError("Authorization nonce invalid")
    if item.signature is not None:
        if item.address_n:
            raise DataError(words.both)
        if item.signature.y_parity > 255:
            raise DataError(words.parity)
        for part in ("r", "s"):
            if len(getattr(item.signature, part)) != 32:
                raise DataError(f"Authorization signature {part} invalid")
    elif not item.address_n and nonce != int.from_bytes(msg.nonce, "big") + 1:
        raise DataError(words.nonce_mismatch)


def _warn_unknown(flow: Flow, code: ButtonRequestType) -> None:
    """Tell the person of a contract that is not on the list; whatever they press."""
    lines = ("This contract is not in the smart account whitelist.",)
    said_yes(flow, Screen("warning_delegate_not_in_white_list", "Delegation blocked", lines, int(code)))


def _classic_steps(flow: Flow) -> tuple[Step, ...]:
    def paths(draft: Draft) -> None:
        checks.path(draft)
        for item in draft.msg.authorization_list:
            if item.address_n:
                draft.wallet.validate_path(item.address_n)

    def recipient(draft: Draft) -> None:
        if not draft.msg.to:
            raise DataError("Address can not be empty")
        if not draft.recipient:
            raise DataError("Invalid recipient address format")

    def delegate(draft: Draft) -> None:
        address = parse_address_leniently(draft.msg.authorization_list[0].address)
        if address is None:
            raise DataError("Invalid address format")
        known = DELEGATES.get(address)
        if known is None:
            _warn_unknown(flow, ButtonRequestType.ProtectCall)
            raise DataError("Unregistered delegator address")
        initial = bytes(draft.msg.data_initial_chunk)
        if len(known.data) != len(initial):
            raise DataError("Invalid initial calldata size")
        if known.data != initial:
            raise DataError("Invalid initial calldata")
        _signature_or_nonce(draft, _CLASSIC_WORDS)

    lengths = (checks.chain, checks.data_length, checks.initial_chunk, checks.safe_recipient)
    return (paths, *lengths, checks.safe_fees, recipient, _one_authorisation, _right_chain, delegate)


def _pro_steps(flow: Flow) -> tuple[Step, ...]:
    def recipient_length(draft: Draft) -> None:
        if len(draft.msg.to) not in (40, 42):
            raise DataError("Invalid recipient address")

    def authorisation(draft: Draft) -> None:
        _right_chain(draft)
        _signature_or_nonce(draft, _PRO_WORDS)

    def delegate(draft: Draft) -> None:
        if _delegate_of(draft.msg) is None:
            _warn_unknown(flow, ButtonRequestType.Warning)
            raise DataError("Authorization address not in registered delegators")

    def data(draft: Draft) -> None:
        item, known = draft.msg.authorization_list[0], _delegate_of(draft.msg)
        initial = bytes(draft.msg.data_initial_chunk)
        if known is None or parse_address_leniently(item.address) == REVOKED:
            return
        if known.data and known.data != initial:
            raise DataError("Invalid calldata provided")
        if not known.data and initial:
            raise DataError("Calldata is expected to be empty")

    return (
        checks.fees,
        checks.data_length,
        checks.initial_chunk_of_data,
        recipient_length,
        checks.chain,
        _one_authorisation,
        authorisation,
        delegate,
        checks.path,
        checks.read_recipient,
        data,
    )


def _delegate_of(msg: Message) -> Delegate | None:
    address = parse_address_leniently(msg.authorization_list[0].address)
    return None if address is None else DELEGATES.get(address)


def _authorise(msg: Message, wallet: Wallet) -> Message:
    """The signature of the authorisation, made here unless it was brought."""
    item = msg.authorization_list[0]
    if item.signature is not None:
        return item.signature
    fields: list[rlp.Item] = [item.chain_id, parse_address(item.address), bytes(item.nonce)]
    digest = keccak256(_MAGIC + rlp.encode(fields))
    node = wallet.derive(item.address_n or msg.address_n)
    parity, signature = node.sign_recoverable(digest)
    return EthereumAuthorizationSignature(y_parity=parity, r=signature[:32], s=signature[32:])


def sign_tx_eip7702_onekey(flow: Flow, msg: Message) -> Message:
    """Check, ask, sign the authorisation and the transaction."""
    wallet = Wallet.for_own_chain(flow, msg.chain_id)
    classic = rules_for(flow.persona).lenient_recipient
    steps = _classic_steps(flow) if classic else _pro_steps(flow)
    signing = Signing(flow, msg, wallet, EIP1559, ONEKEY, steps=steps)
    item, known = msg.authorization_list[0], _delegate_of(msg)
    name = "" if known is None else known.name
    revokes = parse_address_leniently(item.address) == REVOKED
    ask = ask_delegation if classic else ask_overview
    ask(flow, signing.call, item.address, name, revokes=revokes)
    signature = _authorise(msg, wallet)
    fields: Authorisation = [
        item.chain_id,
        parse_address(item.address),
        bytes(item.nonce),
        signature.y_parity,
        bytes(signature.r),
        bytes(signature.s),
    ]
    if item.address_n and wallet.rules.authorisation_key_signs:
        signing.sign_with(wallet.derive(item.address_n))
    reply = signing.run([fields], approved=True)
    reply.authorization_signatures = [signature]
    return reply

"""EIP-7702: delegating an account to a contract together with a transaction, on core firmware.

Only to itself, without data or ether, on a known network; delegation to a contract needs safety
checks off and one of the known contracts, revocation does not.
"""

from __future__ import annotations

from ..errors import DataError, ProcessError
from ..flow import Flow
from ..protocol.proto import Message
from . import rlp
from .address import ADDRESS_LENGTH, parse_address
from .call import Call
from .forms import Authorisation
from .keccak import keccak256
from .networks import UNKNOWN_NETWORK
from .newer_messages import EthereumAuth7702Tuple
from .paths import account_label, format_path
from .questions.delegation import Delegation, ask_delegation, ask_revocation

_MAGIC = b"\x05"
_MAX_NONCE = 0xFFFF_FFFF_FFFF_FFFF
_REVOKED = bytes(ADDRESS_LENGTH)

_AMBIRE = bytes.fromhex("5a7fc11397e9a8ad41bf10bf13f22b0a63f96f6d")
_METAMASK = bytes.fromhex("63c0c19a282a1b52b07dd5a65b58948a07dae32b")
_KNOWN_DELEGATES = {
    (chain, address): name
    for chain in (1, 100, 8453, 42161)
    for address, name in ((_AMBIRE, "Ambire"), (_METAMASK, "MetaMask"))
}


def _check(call: Call) -> None:
    msg = call.msg
    if not msg.to:
        raise DataError("EIP-7702: empty destination")
    if msg.data_length:
        raise DataError("EIP-7702: non-empty calldata")
    if msg.payment_req is not None:
        raise DataError("EIP-7702: unsupported payment request")
    if call.value:
        raise DataError("EIP-7702: non-zero value")
    if call.network is UNKNOWN_NETWORK:
        raise DataError("EIP-7702: unknown network")
    if call.nonce + 1 >= _MAX_NONCE:
        raise DataError("EIP-7702: invalid nonce")


def authorise(flow: Flow, call: Call) -> Authorisation:
    """Ask about the delegation and sign it: chain id, delegate, nonce, parity, r, s."""
    call.wallet.validate_path(call.path)
    _check(call)
    account = account_label(call.wallet.rules, call.path)
    if account is None:
        raise DataError("Unknown account")
    delegate = parse_address(call.msg.auth7702.delegate)
    nonce = call.nonce + 1
    question = Delegation(
        account, format_path(call.path), call.network.name, call.msg.auth7702.delegate, nonce
    )
    if delegate == _REVOKED:
        ask_revocation(flow, question)
    else:
        if flow.state.strict:
            raise ProcessError("EIP-7702 authorisation not allowed with strict safety checks")
        name = _KNOWN_DELEGATES.get((call.chain_id, delegate))
        if name is None:
            raise DataError("Unknown EIP-7702 delegate address")
        ask_delegation(flow, question, name)
    unsigned: list[rlp.Item] = [call.chain_id, delegate, nonce]
    digest = keccak256(_MAGIC + rlp.encode(unsigned))
    parity, signature = call.wallet.derive(call.path).sign_recoverable(digest)
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    return [*unsigned, parity, r, s]


def as_message(authorisation: Authorisation) -> Message:
    """The authorisation as it is returned: every item as minimal bytes."""
    items = [rlp.number(item) if isinstance(item, int) else item for item in authorisation]
    return EthereumAuth7702Tuple(items=items)

"""OneKey Classic 1S's questions: a menu of pages behind one ButtonRequest.

YES turns to the next page and, on the last, confirms. NO rejects on the first and on the last page
and on those with details; on any other it turns back.
"""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ...errors import ActionCancelled
from ...flow import Flow
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import onekey_amount
from ..call import Call
from ..calldata import CallData
from ..erc20 import UNLIMITED, is_approval, is_transfer, nft_transfer_of, transfer_of
from ..networks import (
    UNKNOWN_TOKEN,
    Network,
    Token,
    onekey_classic_registry,
    onekey_pro_registry,
)
from ..onekey_messages import EthereumSignTxEIP1559OneKey, EthereumSignTxOneKey
from ..paths import format_path
from ..providers import provider_name
from ..safe_calls import SafeCall, describe_safe_call, is_safe_call
from .pressing import said_yes

_SIGN_TX = int(ButtonRequestType.SignTx)
_RSKIP60_CHAINS = {137: 30, 37310: 31}  # coin type to chain
_OWN_MESSAGES = (EthereumSignTxOneKey, EthereumSignTxEIP1559OneKey)
_CHAIN_NAMES = {
    1: "Ethereum",
    4: "Rinkeby",
    10: "Optimism",
    30: "Rootstock",
    56: "BSC",
    61: "Ethereum Classic",
    66: "OKXChain",
    128: "Huobi ECO",
    137: "Polygon",
    146: "Sonic",
    177: "HashKey Chain",
    250: "Fantom",
    324: "zkSync Era",
    1030: "Conflux eSpace",
    1672: "Pharos",
    8453: "Base",
    9798: "DTC",
    42161: "Arbitrum One",
    42170: "Arbitrum Nova",
    43114: "AVAX",
}
UNNAMED_CHAIN = "EVM"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a menu; NO leaves a page of details, where it would turn back elsewhere."""

    title: str
    lines: tuple[str, ...]
    details: bool = False


def walk(flow: Flow, name: str, code: int, pages: list[Page], *, announce: bool = True) -> None:
    """Show a menu; one ButtonRequest, if at all. Raises ActionCancelled."""
    last = len(pages) - 1
    index = 0
    while index <= last:
        page = pages[index]
        if said_yes(flow, Screen(name, page.title, page.lines, code), announce=announce):
            index += 1
        elif index in (0, last) or page.details:
            raise ActionCancelled
        else:
            index -= 1
        announce = False


def chain_name(network: Network, chain_id: int) -> str:
    """What the device calls a chain: its tables hold no names, definitions do."""
    tables = (onekey_classic_registry(), onekey_pro_registry())
    built_in = any(table.by_chain_id(network.chain_id) is network for table in tables)
    if built_in or not network.name:
        return _CHAIN_NAMES.get(chain_id, UNNAMED_CHAIN)
    return network.name


def fee_lines(call: Call) -> tuple[str, ...]:
    """The most a transaction can cost and, since EIP-1559, what it is made of."""
    fees, network = call.fees, call.network
    lines = ["Maximum fee:", onekey_amount(fees.maximum, None, network)]
    if fees.priority is not None:
        lines += ["Maximum fee per gas:", onekey_amount(fees.price, None, network)]
        lines += ["Priority fee per gas:", onekey_amount(fees.priority, None, network)]
    return tuple(lines)


class OneKeyClassicQuestions:
    """Screens of the 128 x 64 pixel display, behind menus."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def show_address(self, address: str, path: list[int], network: Network) -> None:
        """Address, then path; NO turns to the QR code and from there back. Only YES ends it."""
        title = f"{chain_name(network, network.chain_id)} Address"
        code = int(ButtonRequestType.Address)
        screens = ((address,), (format_path(path),), ("QR code:", address))
        index, announce = 0, True
        while True:
            screen = Screen("show_address", title, screens[index], code)
            if not said_yes(self._flow, screen, announce=announce):
                index = 0 if index == 2 else 2
            elif index > 0:
                return
            else:
                index = 1
            announce = False

    def show_public_key(self, public_key: bytes, path: list[int]) -> None:
        title = "Ethereum Public Key"
        pages = [
            Page(title, ("xPub:", public_key[:32].hex())),
            Page(title, ("Path:", format_path(path))),
        ]
        walk(self._flow, "show_pubkey", int(ButtonRequestType.PublicKey), pages)

    def approve(self, call: Call, data: CallData) -> None:
        if isinstance(call.msg, _OWN_MESSAGES) and not is_transfer(call):
            if is_approval(call):
                self._ask_approval(call)
                return
            if nft_transfer_of(call) is None and is_safe_call(call):
                self._ask_safe(call, describe_safe_call(call, data))
                return
        walk(self._flow, "confirm_ethereum_tx", _SIGN_TX, self._transaction_pages(call))

    def finish(self, call: Call) -> None:
        """Nothing more is asked."""

    @staticmethod
    def _signer(call: Call) -> str:
        coin = call.path[1] & 0x7FFF_FFFF if len(call.path) > 1 else 0
        chain = _RSKIP60_CHAINS.get(coin, 0)
        return checksum_address(call.sender, Network(chain, 0, "", ""))

    def _transaction_pages(self, call: Call) -> list[Page]:
        chain = chain_name(call.network, call.chain_id)
        pages = []
        if chain.startswith(UNNAMED_CHAIN):
            pages.append(Page("Warning", (f"Unknown EVM chain, the chain ID is {call.chain_id}",)))
        nft = nft_transfer_of(call)
        token: Token | None = None
        recipient, value = call.recipient or bytes(20), call.value
        title = f"{chain} Transaction"
        if nft is not None:
            recipient, title = nft.recipient, "NFT Transfer"
        elif is_transfer(call):
            token = call.wallet.definitions.token(call.recipient)
            (recipient, value), title = transfer_of(call), "Token Transfer"
        pages.append(Page(title, ("Send to:", checksum_address(recipient, call.network))))
        if nft is not None:
            contract = checksum_address(call.recipient, call.network)
            amount = ("Amount:", str(nft.amount))
            lines = (*amount, "Token contract:", contract, "Token ID:", str(nft.token_id))
            pages.append(Page(title, lines, details=True))
            pages.append(Page("Transaction Details", fee_lines(call), details=True))
        else:
            shown_value = ("Amount:", onekey_amount(value, token, call.network))
            total = ("Total amount:", *self._total(call, token))
            details = (*shown_value, *fee_lines(call), *total)
            pages.append(Page("Transaction Details", details, details=True))
            if token is None and call.data_length:
                shown = call.initial.hex()
                pages.append(Page(f"View Data ({min(call.data_length, 1024)} bytes)", ("Data:", shown)))
        pages.append(Page("Sign Transaction", (f"Do you want to sign this {chain} transaction?",)))
        return pages

    @staticmethod
    def _total(call: Call, token: Token | None) -> tuple[str, ...]:
        fee = call.fees.maximum
        if token is None:
            return (onekey_amount(call.value + fee, None, call.network),)
        amount = onekey_amount(transfer_of(call)[1], token, call.network)
        return (amount, onekey_amount(fee, None, call.network))

    def _ask_approval(self, call: Call) -> None:
        spender, amount = transfer_of(call)
        token = call.wallet.definitions.token(call.recipient)
        symbol = "UNKN" if token is UNKNOWN_TOKEN else token.symbol
        provider = provider_name(call.chain_id, spender)
        by = f" for {provider}" if provider else ""
        overview = f"Approve {onekey_amount(amount, token, call.network)}{by}"
        if amount == 0:
            overview = f"Revoke {symbol}{by}"
        elif amount == UNLIMITED:
            overview = f"Approve unlimited {symbol}{by}"
        details = "Transaction Details"
        pages = [
            Page("Confirm Request", (overview,)),
            Page(
                details,
                ("Revoke from:" if amount == 0 else "Approve to:", checksum_address(spender, call.network)),
            ),
            Page(details, ("From:", self._signer(call))),
            Page(details, ("Token address:", checksum_address(call.recipient, call.network))),
            Page(details, fee_lines(call)),
            Page(details, ("Nonce:", str(call.nonce))),
            Page(details, ("ChainID:", str(call.chain_id & 0xFFFF_FFFF))),
            Page("Sign Transaction", ("Do you want to sign this transaction?",)),
        ]
        if amount == UNLIMITED:
            self._warn("Unlimited authorization", pages)
        else:
            walk(self._flow, "confirm_ethereum_approve", _SIGN_TX, pages)

    def _ask_safe(self, call: Call, safe: SafeCall) -> None:
        title = "Confirm Safe Transaction"
        pages = [Page(title, ("View transaction",)), Page("Transaction Details", safe.lines)]
        hash_pages = [Page("Transaction Details", safe.lines)] if safe.approves_hash else []
        pages = [] if safe.approves_hash else pages
        pages += [
            Page(title, ("Send to:", checksum_address(call.recipient, call.network))),
            Page(title, ("From:", self._signer(call))),
            *hash_pages,
            Page("Transaction Details", fee_lines(call)),
            Page("Sign Transaction", ("Nonce:", str(call.nonce))),
            Page("Sign Transaction", ("ChainID:", str(call.chain_id & 0xFFFF_FFFF))),
            Page("Sign Transaction", ("Do you want to sign this transaction?",)),
        ]
        if safe.is_delegate_call:
            self._warn("Delegate call", pages)
        else:
            walk(self._flow, "confirm_safe_tx", _SIGN_TX, pages)

    def _warn(self, warning: str, pages: list[Page]) -> None:
        """What is dangerous is announced twice: once with nothing to press, then as a warning."""
        self._flow.call(messages.ButtonRequest(code=ButtonRequestType.SignTx), messages.ButtonAck)
        code = int(ButtonRequestType.ProtectCall)
        self._flow.confirm(Screen("warning", "Warning", (warning,), code))
        walk(self._flow, "confirm_ethereum_tx", _SIGN_TX, pages, announce=False)

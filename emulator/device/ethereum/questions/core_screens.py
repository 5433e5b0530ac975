"""The screens of core firmware for a transaction: names, codes and words of Model T."""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib.messages import ButtonRequestType

from ...errors import DataError
from ...flow import Flow
from ...protocol.proto import Message
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import core_amount, format_amount, gwei
from ..call import Call
from ..networks import UNKNOWN_NETWORK, UNKNOWN_TOKEN, Token
from ..paths import account_label, format_path
from ..payment_request import EthereumPaymentRequest
from ..staking import Operation
from ..vaults import RewardsClaim, VaultCall

_SIGN_TX = int(ButtonRequestType.SignTx)
_OTHER = int(ButtonRequestType.Other)
_OUTPUT = int(ButtonRequestType.ConfirmOutput)
_WARNING = int(ButtonRequestType.Warning)

_STAKING_WORDS = {
    Operation.STAKE: ("Stake", "Stake ETH on Everstake?"),
    Operation.UNSTAKE: ("Unstake", "Unstake ETH from Everstake?"),
    Operation.CLAIM: ("Claim", "Claim ETH from Everstake?"),
}
_VAULT_WORDS = {
    "deposit": ("Deposit", "Review details to deposit to vault.", "Deposit to"),
    "withdraw": ("Withdraw", "Review details to withdraw from vault.", "Withdraw from"),
    "redeem": ("Redeem", "Review details to redeem from vault.", "Redeem from"),
}


@dataclass(frozen=True, slots=True)
class Approval:
    """An allowance for somebody to spend a token."""

    spender: str
    spender_name: str | None
    amount: str
    unlimited: bool
    revokes: bool
    token: Token
    ether: str | None


class CoreScreens:
    """Asks about one call."""

    def __init__(self, flow: Flow, call: Call) -> None:
        self._flow = flow
        self._call = call

    def _ask(self, name: str, code: int, title: str, *lines: str) -> None:
        self._flow.confirm(Screen(name, title, lines, code))

    # What several of them show

    @property
    def _account(self) -> tuple[str, ...]:
        label = account_label(self._call.wallet.rules, self._call.path)
        account = () if label is None else (f"Account: {label}",)
        path = (f"Derivation path: {format_path(self._call.path)}",) if len(self._call.path) > 1 else ()
        return (*account, *path)

    @property
    def _maximum_fee(self) -> str:
        return core_amount(self._call.fees.maximum, None, self._call.network)

    @property
    def _fee_items(self) -> tuple[str, ...]:
        fees = self._call.fees
        limit = f"Gas limit: {format_amount(fees.gas_limit, 0).replace(',', '')} units"
        if fees.priority is None:
            return (limit, f"Gas price: {gwei(fees.price)}")
        return (limit, f"Max fee per gas: {gwei(fees.price)}", f"Max priority fee: {gwei(fees.priority)}")

    def _summary(self, name: str, amount: str | None, title: str = "Summary", code: int = _SIGN_TX) -> None:
        first = () if amount is None else (f"Amount: {amount}",)
        self._ask(name, code, title, *first, f"Maximum fee: {self._maximum_fee}", *self._fee_items)

    # Transfers

    def ask_transfer(
        self, recipient: str | None, amount: str, *, is_send: bool, ether: str | None = None
    ) -> None:
        """Recipient, then amount and fee."""
        name = "confirm_ethereum_tx"
        label = "Recipient" if is_send else "Interaction contract"
        to = "New contract will be deployed" if recipient is None else f"{label}: {recipient}"
        self._ask(name, _SIGN_TX, "Address", to, *self._account)
        self._summary(name, amount if ether is None else f"{amount}\n{ether}")

    def warn_unknown_token(self) -> None:
        lines = ("Unknown contract address.", "Continue anyway?")
        self._ask("unknown_contract_warning", _WARNING, "Warning", *lines)

    def ask_contract(self) -> None:
        contract = "0x" + self._call.recipient.hex()
        self._ask("unknown_token", _SIGN_TX, "Address", "Token contract", contract)

    # Allowances

    def ask_approval(self, what: Approval) -> None:
        """Who may spend how much of which token."""
        name, network = "confirm_ethereum_approve", self._call.network
        unknown = what.token is UNKNOWN_TOKEN
        if unknown:
            self.warn_unknown_token()
        verb = "revoke token approval" if what.revokes else "approve token spending"
        title = "Token revocation" if what.revokes else "Token approval"
        self._ask(name, _OTHER, title, f"Review details to {verb}.")
        spender = what.spender_name or what.spender
        self._ask(name, _OTHER, "Revoke from" if what.revokes else "Approve to", spender)
        if what.unlimited:
            self._ask(name, _WARNING, "Warning", f"Approving unlimited amount of {what.token.symbol}")
        if unknown:
            contract = checksum_address(self._call.recipient, network)
            self._ask(name, _OTHER, "Address", "Token contract", contract)
        if network is UNKNOWN_NETWORK:
            chain = self._call.chain_id
            self._ask(name, _OTHER, "Chain ID", f"{chain} ({chain:#x})")
        item = f"Token: {what.token.symbol}" if what.revokes else f"Amount allowance: {what.amount}"
        chain_name = () if network is UNKNOWN_NETWORK else (f"Chain: {network.name}",)
        self._ask(name, _OUTPUT, "Revoke" if what.revokes else "Approve", item, *chain_name)
        self._summary("confirm_total", what.ether)

    # Display formats

    def ask_properties(self, provider: str, intent: str, lines: list[str], ether: str | None) -> None:
        """Whose contract, what it is to do, and with what."""
        name = "confirm_contract"
        self._ask(name, _OTHER, "Provider", provider)
        self._ask(name, _OTHER, "Intent", intent)
        self._ask(name, _OUTPUT, "Confirm contract", *lines)
        self._summary("confirm_ethereum_tx", ether, code=_OTHER)

    # Everstake, vaults, rewards

    def ask_staking(self, operation: Operation, value: int | None) -> None:
        name = "confirm_ethereum_staking_tx"
        title, question = _STAKING_WORDS[operation]
        label = "Claim address" if operation is Operation.CLAIM else "Stake address"
        address = checksum_address(self._call.recipient, self._call.network)
        self._ask(name, _SIGN_TX, title, question, f"{label}: {address}")
        amount = None if value is None else core_amount(value, None, self._call.network)
        self._summary(name, amount, title)

    def ask_vault(self, what: VaultCall) -> None:
        title, question, verb = _VAULT_WORDS[what.movement]
        name = f"ethereum/vault/{what.movement}"
        self._ask(f"{name}/intro", _SIGN_TX, title, question, *self._account)
        self._ask(f"{name}/vault", _SIGN_TX, title, f"{verb}: {what.vault}")
        amount = core_amount(what.amount, what.token, self._call.network)
        chain = f"Chain: {self._call.network.name}"
        self._ask(f"{name}/amount", _SIGN_TX, title, f"{title} amount: {amount}", chain)
        if what.suffix:
            self._ask(f"{name}/extra_data", _SIGN_TX, title, f"Calldata suffix: 0x{what.suffix.hex()}")
        self._summary(f"{name}/summary", None, title)

    def ask_claim(self, what: RewardsClaim) -> None:
        title, name = "Rewards claim", "ethereum/vault/claim"
        self._ask(f"{name}/intro", _SIGN_TX, title, "Claim rewards from Merkl.xyz", *self._account)
        self._ask(f"{name}/tokens", _SIGN_TX, title, "Reward tokens:", *what.tokens)
        self._summary(f"{name}/summary", None, title)

    # SLIP-24

    def ask_payment(
        self,
        request: EthereumPaymentRequest,
        recipient: str,
        token: Token | None = None,
        contract: str | None = None,
    ) -> None:
        """What the merchant has to say, who it is, what is bought, the fee."""
        name = "confirm_payment_request"
        amount = core_amount(request.asked_amount, token, self._call.network)
        memos = [_Memo.of(memo) for memo in request.message.memos]
        trades = [memo for memo in memos if memo.buys is not None]
        title = "Swap" if trades else "Confirm"
        for memo in memos:
            if memo.text is not None:
                self._ask(name, _OTHER, memo.title or title, memo.text)
        refunds = [f"Refund address: {memo.refund}" for memo in memos if memo.refund is not None]
        who = request.message.recipient_name
        self._ask(name, _SIGN_TX, title, f"Provider: {who}", f"Address: {recipient}", *refunds)
        extra = () if contract is None else (f"Token contract address: {contract}",)
        for memo in trades:
            lines = (f"- {amount}", f"+ {memo.buys}", f"Receive address: {memo.address}", *extra)
            self._ask("confirm_trade", _SIGN_TX, title, *lines)
        self._ask(name, _OUTPUT, "", *self._fee_items)
        chain = f"Chain ID: {self._call.network.name} ({self._call.chain_id})"
        fee = f"Transaction fee: {self._maximum_fee}"
        self._ask(name, _SIGN_TX, "Summary", fee, *self._account, chain)


@dataclass(frozen=True, slots=True)
class _Memo:
    """One remark of a payment request."""

    title: str | None = None
    text: str | None = None
    refund: str | None = None
    buys: str | None = None
    address: str | None = None

    @classmethod
    def of(cls, memo: Message) -> _Memo:
        if memo.text_memo is not None:
            return cls(text=memo.text_memo.text)
        if memo.text_details_memo is not None:
            return cls(title=memo.text_details_memo.title, text=memo.text_details_memo.text)
        if memo.refund_memo is not None:
            return cls(refund=memo.refund_memo.address)
        if memo.coin_purchase_memo is not None:
            return cls(buys=memo.coin_purchase_memo.amount, address=memo.coin_purchase_memo.address)
        raise DataError("Unrecognized memo type in payment request memo.")

"""Signs a transaction: checks, questions, data from the host, signature. One machine for all makes.

Nothing is signed before the questions are answered; the data is hashed as it streams by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..deceit import signing_key
from ..errors import UnexpectedMessage
from ..flow import Flow
from ..keys import Node
from ..protocol.proto import Message
from . import authorise, checks, rlp
from .address import ADDRESS_LENGTH, address_of_key
from .call import Call
from .calldata import COMMON, ONEKEY, CallData, Dialect
from .forms import EIP1559, LEGACY, Authorisation, Form
from .keccak import Keccak256
from .payment_request import EthereumPaymentRequest
from .questions.choice import questions_for
from .rules import rules_for
from .wallet import Wallet

# Where a device that lies sends the money.
_THIEF = b"\xee" * ADDRESS_LENGTH


class Signing:
    """One transaction on its way from request to signature."""

    def __init__(
        self,
        flow: Flow,
        msg: Message,
        wallet: Wallet,
        form: Form,
        dialect: Dialect,
        *,
        steps: tuple[checks.Step, ...] | None = None,
    ) -> None:
        self._flow = flow
        self._msg = msg
        self._wallet = wallet
        self._form = form
        self._dialect = dialect
        self._rules = wallet.rules
        if steps is None:
            steps = self._rules.checks.eip1559 if form.is_eip1559 else self._rules.checks.legacy
        recipient = checks.run(steps, msg, wallet).recipient
        self._node = wallet.derive(msg.address_n)
        sender = address_of_key(self._node.public_key)
        self._call = Call(msg, wallet, sender, recipient, form.fees(msg))

    def run(self, authorisations: Sequence[Authorisation] = (), *, approved: bool = False) -> Message:
        """Ask (unless that was done), hash and sign. Raises DeviceFailure of many kinds."""
        questions = questions_for(self._flow)
        self._read_payment_request()
        data = CallData(self._flow, self._dialect, self._rules, self._call.initial, self._call.data_length)
        if self._rules.data_kept is None:
            if not approved:
                questions.approve(self._call, data)
            hasher = self._begin(data, authorisations)
        else:
            hasher = self._begin(data, authorisations)
            questions.approve(self._call, data)
        data.drain()
        hasher.update(self._form.tail(self._msg, authorisations, self._rules, final=True))
        reply = self._signature(hasher.digest())
        questions.finish(self._call)
        return reply

    def sign_with(self, node: Node) -> None:
        """Sign with another key than the request's, where a firmware does so."""
        self._node = node

    @property
    def call(self) -> Call:
        return self._call

    def _read_payment_request(self) -> None:
        if self._rules.payment_requests and self._msg.payment_req is not None:
            request = EthereumPaymentRequest(self._flow, self._msg.payment_req, self._call.path)
            self._call = replace(self._call, payment_request=request)

    def _begin(self, data: CallData, authorisations: Sequence[Authorisation]) -> Keccak256:
        """Hash everything up to the data, and what there is of the data."""
        recipient = self._call.recipient
        if self._flow.faults.sign_other_output or self._flow.faults.redirect_output:
            recipient = _THIEF
        head = self._form.head(self._msg, recipient)
        tail = self._form.tail(self._msg, authorisations, self._rules, final=False)
        data_header = rlp.header(data.length, rlp.STRING, data.start[:1])
        length = len(head) + len(data_header) + data.length + len(tail)
        hasher = Keccak256(self._form.prefix(authorisations))
        hasher.update(rlp.header(length, rlp.LIST) + head)
        if self._rules.data_kept is not None:
            data.gather(self._rules.data_kept)
        hasher.update(data_header)
        data.begin_hashing(hasher)
        return hasher

    def _signature(self, digest: bytes) -> Message:
        faults = self._flow.faults
        node = signing_key(self._flow, self._wallet, self._msg.address_n, self._node)
        parity, signature = node.sign_recoverable(digest)
        if faults.truncate_signature:
            signature = signature[:-1]
        if faults.zero_padded_signature:
            signature += bytes(1)
        return self._dialect.request(
            signature_v=self._form.v(self._msg, parity),
            signature_r=signature[:32],
            signature_s=signature[32:],
        )


def sign_tx(flow: Flow, msg: Message) -> Message:
    """EthereumSignTx."""
    wallet = Wallet.for_chain(flow, msg.chain_id, msg.definitions, msg.to)
    return Signing(flow, msg, wallet, LEGACY, COMMON).run()


def sign_tx_eip1559(flow: Flow, msg: Message) -> Message:
    """EthereumSignTxEIP1559, with EIP-7702 delegation on core."""
    wallet = Wallet.for_chain(flow, msg.chain_id, msg.definitions, msg.to)
    signing = Signing(flow, msg, wallet, EIP1559, COMMON)
    if msg.auth7702 is None or not wallet.rules.delegates:
        return signing.run()
    authorisation = authorise.authorise(flow, signing.call)
    reply = signing.run([authorisation])
    reply.auth7702_list = [authorise.as_message(authorisation)]
    return reply


def sign_tx_onekey(flow: Flow, msg: Message) -> Message:
    """OneKey's own EthereumSignTxOneKey."""
    wallet = Wallet.for_own_chain(flow, msg.chain_id)
    return Signing(flow, msg, wallet, LEGACY, ONEKEY).run()


def sign_tx_eip1559_onekey(flow: Flow, msg: Message) -> Message:
    """OneKey's own EthereumSignTxEIP1559OneKey."""
    wallet = Wallet.for_own_chain(flow, msg.chain_id)
    return Signing(flow, msg, wallet, EIP1559, ONEKEY).run()


def stray_chunk(flow: Flow, _msg: Message) -> Message:
    """A piece of data nobody asked for."""
    raise UnexpectedMessage(rules_for(flow.persona).stray_chunk)

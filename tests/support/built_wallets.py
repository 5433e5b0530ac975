"""A funded wallet on a paper chain, and the verifier's word on what it builds, for tests of building."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.paper_chain import PaperChain, paying
from vault.address import network_of
from vault.bitcoin.spend import ExpectedSpend, FeeLimits, FinalTransaction, VerifiedSpend
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.verify import verify_psbt, verify_signed
from vault.bitcoin.wallet.watch import BuiltPsbt, WatchWallet
from vault.money import BTC, Amount

REGTEST = network_of("regtest")
STRANGER = b"\x00\x14" + b"\x77" * 20
OTHER = b"\x51\x20" + b"\x78" * 32
LIMITS = FeeLimits(Amount(BTC, 2_000_000), Decimal(10_000), Decimal(1_000))


def sats(units: int) -> Amount:
    return Amount(BTC, units)


class Funded:
    """A wallet with one confirmed coin for each amount, on receive addresses 0, 1, 2 …"""

    def __init__(self, account: Any, directory: Path, *amounts: int) -> None:
        self.account, self.descriptor = account, account.descriptor
        self.chain = PaperChain(account=account)
        self.directory = directory
        self.wallet = self.open()
        for number, amount in enumerate(amounts):
            self.chain.mine(paying(number, (b"\x51", 1), (self.script(number), amount)))
        self.wallet.sync()

    def open(self) -> WatchWallet:
        return WatchWallet("cold", self.descriptor, REGTEST, self.directory, self.chain, role="cold")

    def script(self, index: int, *, change: bool = False) -> bytes:
        return self.descriptor.script_pubkey(change, index)

    def point(self, number: int) -> OutPoint:
        """The coin of amount number `number`."""
        return next(c.outpoint for c in self.wallet.coins() if (c.index, c.change) == (number, False))

    def verified(self, built: BuiltPsbt, **changed: Any) -> VerifiedSpend:
        """The verifier must find the PSBT to be exactly what was said of it."""
        expected = ExpectedSpend(
            self.descriptor,
            built.payments,
            REGTEST,
            locktime=built.locktime,
            inputs=built.inputs,
            fee=built.fee,
            max_change=0 if built.change_index is None else 1,
        )
        verified = verify_psbt(built.psbt, replace(expected, **changed), LIMITS)
        assert (verified.fee, verified.worst_vsize, verified.txid) == (built.fee, built.vsize, built.txid)
        if built.change_index is not None:
            assert verified.change is not None
            assert verified.change.place.index == built.change_index
            assert verified.change.output == len(verified.unsigned.outputs) - 1
        return verified

    def signed(self, built: BuiltPsbt) -> FinalTransaction:
        """Signed by the account's own keys, every script run by libbitcoinkernel."""
        verified = self.verified(built)
        answer = self.account.honest(verified)
        if self.descriptor.group:
            return verify_signed(verified, partial=answer)
        return verify_signed(verified, answer)

    def sent(self, built: BuiltPsbt) -> Transaction:
        """Signed and in the mempool, and the wallet knows."""
        transaction = Transaction.parse(self.signed(built).raw)
        self.chain.add(transaction)
        self.wallet.sync()
        return transaction

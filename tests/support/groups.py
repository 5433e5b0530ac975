"""Groups of cosigners by embit, an implementation the program does not use; and what the network says.

For tests only. Wallets are those of tests/integration/device (a root key each).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from embit import script
from embit.networks import NETWORKS as EMBIT_NETWORKS
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from vault.bitcoin.finalise import require_consensus
from vault.bitcoin.transaction import TxOut
from vault.device.bitcoin.request import Cosigner, GroupOrigin, Multisig, SpendInput, SpendRequest

HARD = 0x80000000
STEPS = {"p2sh": 0, "p2sh-p2wsh": 1, "p2wsh": 2}


@dataclass(frozen=True)
class Group:
    """`members` are (wallet, account) pairs, in the order in which somebody wrote them down."""

    kind: str
    threshold: int
    members: tuple[tuple[Any, int], ...]

    def account(self, number: int) -> tuple[int, ...]:
        return (48 | HARD, 1 | HARD, number | HARD, STEPS[self.kind] | HARD)

    def multisig(self) -> Multisig:
        cosigners = []
        for wallet, number in self.members:
            path = self.account(number)
            node = wallet.root.derive(list(path)).to_public()
            xpub = node.to_base58(EMBIT_NETWORKS["regtest"]["xpub"])
            cosigners.append(Cosigner(wallet.fingerprint, path, xpub))
        return Multisig(self.threshold, tuple(cosigners))

    def origin(self, branch: int, index: int) -> GroupOrigin:
        return GroupOrigin(self.multisig(), branch, index)

    def keys(self, branch: int, index: int) -> list[Any]:
        """The derived keys as embit has them, sorted."""
        found = [
            wallet.root.derive([*self.account(number), branch, index]).to_public().key
            for wallet, number in self.members
        ]
        return sorted(found, key=lambda key: key.sec())

    def redeem(self, branch: int, index: int) -> Any:
        return script.multisig(self.threshold, self.keys(branch, index))

    def script(self, branch: int, index: int) -> Any:
        redeem = self.redeem(branch, index)
        if self.kind == "p2sh":
            return script.p2sh(redeem)
        program = script.p2wsh(redeem)
        return program if self.kind == "p2wsh" else script.p2sh(program)

    def address(self, branch: int, index: int) -> str:
        return str(self.script(branch, index).address(EMBIT_NETWORKS["regtest"]))


def funded_input(spent: Any, origin: Any, kind: str, number: int, amount: int, **changes: Any) -> SpendInput:
    """An input that spends output 1 of a funding transaction made up for it."""
    funding = Transaction(
        version=2,
        vin=[TransactionInput((number + 1).to_bytes(2, "big") * 16, 7, sequence=0xFFFFFFFD)],
        vout=[
            TransactionOutput(1234, script.Script(bytes.fromhex("6a0401020304"))),
            TransactionOutput(amount, spent),
        ],
        locktime=99,
    )
    facts: dict[str, Any] = {
        "txid": funding.txid().hex(),
        "vout": 1,
        "sequence": 0xFFFFFFFD,
        "amount_sat": amount,
        "script_type": kind,
        "origin": origin,
        "prevtx": funding.serialize(),
    }
    return SpendInput(**(facts | changes))


def accepted_by_consensus(raw: bytes, request: SpendRequest, spent: list[bytes]) -> None:
    """libbitcoinkernel runs every script under all flags. Raises `PsbtError`."""
    values = [spend.amount_sat for spend in request.inputs]
    require_consensus(raw, [TxOut(value, each) for value, each in zip(values, spent, strict=True)])

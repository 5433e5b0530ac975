"""What a transaction on Ethereum would cost now, for policies whose conditions ask for it.

Refuses nothing: a chain that does not answer, or whose gas is above the policy's cap, has no fact, and a
condition that names it then denies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.errors import VaultError
from vault.money import ETH, Amount
from vault.policy.expression import parse_expression
from vault.policy.gas import GasCost
from vault.treasury.ethereum.ground import gas_caps

if TYPE_CHECKING:
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk

# A token sent by a Safe of a few owners, the dearest thing that a policy calls for, with margins.
USUAL_GAS: Final = 250_000
USUAL_DATA: Final = 1_024  # and so long, in bytes


def gas_now(desk: Desk, policy: Policy) -> dict[int, GasCost]:
    """By chain id; empty when no condition of the policy names a gas fact, and then nobody is asked."""
    if not _is_asked_for(policy):
        return {}
    found = {}
    for chain in desk.treasury.config.chain:
        if policy.gas_of(chain.id) is None:
            continue
        try:
            found[chain.id] = _cost(desk, chain.name, chain.id)
        except VaultError as error:
            desk.progress(f"gas on {chain.name}: {error.message}")
    return found


def _is_asked_for(policy: Policy) -> bool:
    conditions = (*(rule.when for rule in policy.rule), *(each.when for each in policy.evacuation))
    return any(name.startswith("gas.") for when in conditions for name in parse_expression(when).facts)


def _cost(desk: Desk, chain: str, chain_id: int) -> GasCost:
    from vault.ethereum.chains import chain_of
    from vault.ethereum.fees import LEAST_TIP, data_fee, gas_fees, read_fees
    from vault.evm.hashing import keccak

    node, kind = desk.ethereum(chain), chain_of(chain_id).fee
    cap = gas_caps(desk, chain_id).max_fee_per_gas
    fees = gas_fees(read_fees(node), cap=cap, least_tip=LEAST_TIP[kind])
    beside = 0
    if kind == "optimism":
        usual = b"".join(keccak(bytes([at])) for at in range(USUAL_DATA // 32))
        beside = data_fee(node, usual, node.tip())
    return GasCost(chain_id, Amount(ETH, USUAL_GAS * fees.max_fee + beside), fees.max_fee)

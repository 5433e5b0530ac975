"""All forged PSBTs by name: what an attacker on the host puts before the signer."""

from __future__ import annotations

from tests.attacks.psbt.forged_bytes import FORGED_BYTES
from tests.attacks.psbt.forged_coins import FORGED_COINS
from tests.attacks.psbt.forged_fields import FORGED_FIELDS
from tests.attacks.psbt.forged_plans import FORGED_PLANS
from tests.support.bitcoin_keys import Forgery, Sample

FORGED_PSBTS: dict[str, Forgery] = {**FORGED_COINS, **FORGED_PLANS, **FORGED_FIELDS, **FORGED_BYTES}

# What nobody can know without a plan or the chain, and what deceives nobody.
_NEEDS_A_PLAN = {
    "extra input of ours, not planned",
    "input beyond the gap",
    "coin that is not confirmed",
    "true signature of a cosigner, not expected",
    "final witness already inside",
    "the same in version 2",
}
_HARMLESS = {
    "sighash of the other signature scheme",
    "hash preimage",
    "field of another wallet kind",
    "field of another wallet kind on the change",
}
PLAIN_LIES = {
    name: forgery
    for name, forgery in FORGED_PSBTS.items()
    if name not in {*FORGED_PLANS, *_NEEDS_A_PLAN, *_HARMLESS}
}


def forged(forgery: Forgery, sample: Sample) -> tuple[bytes, Sample]:
    """The forged bytes, and the sample whose plan they are held against."""
    made = forgery.make(sample)
    if isinstance(made, Sample):
        return made.serialise(), made
    return (made if isinstance(made, bytes) else made.serialise()), sample

"""All forged PSBTs by name: what an attacker on the host puts before the signer."""

from __future__ import annotations

from tests.attacks.psbt.forged_bytes import FORGED_BYTES
from tests.attacks.psbt.forged_coins import FORGED_COINS
from tests.attacks.psbt.forged_fields import FORGED_FIELDS
from tests.attacks.psbt.forged_plans import FORGED_PLANS
from tests.support.bitcoin_keys import Forgery, Sample

FORGED_PSBTS: dict[str, Forgery] = {**FORGED_COINS, **FORGED_PLANS, **FORGED_FIELDS, **FORGED_BYTES}


def forged(forgery: Forgery, sample: Sample) -> tuple[bytes, Sample]:
    """The forged bytes, and the sample whose plan they are held against."""
    made = forgery.make(sample)
    if isinstance(made, Sample):
        return made.serialise(), made
    return (made if isinstance(made, bytes) else made.serialise()), sample

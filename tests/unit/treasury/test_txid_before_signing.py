"""The id a transaction will have is known before a signer is asked, where signatures do not change it."""

from __future__ import annotations

import pytest

from tests.support.bitcoin_keys import sample_of
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.verify import collect, verify_psbt, verify_signed
from vault.treasury.strays import txid_when_signed


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_one_of_the_signed_transaction(kind: Kind) -> None:
    sample = sample_of(kind)
    verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
    if sample.descriptor.group:
        for signer in range(sample.descriptor.threshold):
            verified = collect(verified, sample.account.cosign(verified, signer))
        final = verify_signed(verified)
    else:
        final = verify_signed(verified, sample.account.sign(verified))
    assert txid_when_signed(verified) == ("" if kind == "p2pkh" else final.txid)

"""What a real node makes of our wallets and signatures: the same addresses, the same bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.bitcoin_keys import Sample, account_of, group_of, make_sample, sample_of
from tests.support.real_node import RealNode
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.psbt.maps import PsbtInput
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, Kind
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.verify import collect, verify_psbt, verify_signed


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with RealNode(tmp_path_factory.mktemp("bitcoind")) as running:
        yield running


def with_signatures(sample: Sample, verified: VerifiedSpend) -> Psbt:
    """The PSBT as a signer returns it, with every signature in its field."""
    if sample.descriptor.group:
        signed = collect(verified, sample.account.honest(verified))  # type: ignore[arg-type]
        return Psbt.parse(signed.psbt)
    maps = list(sample.psbt.inputs)
    for number, signature in sample.account.sign(verified):
        fields = maps[number]
        key = verified.inputs[number].place.keys[0].key
        put = (In.TAP_KEY_SIG, signature) if sample.taproot else (In.PARTIAL_SIG, signature + b"\x01", key)
        maps[number] = PsbtInput(fields.put(*put).fields)
    return replace(sample.psbt, inputs=tuple(maps))


def samples() -> Iterator[Sample]:
    for kind in KINDS:
        yield sample_of(kind)
    for kind in GROUP_KINDS:
        for threshold, cosigners in ((1, 2), (3, 5), (15, 15)):
            seeds = [bytes([number]) * 16 for number in range(cosigners)]
            yield make_sample(group_of(seeds, threshold, kind))


def test_finalises_to_the_byte_as_bitcoind(node: RealNode) -> None:
    for sample in samples():
        verified = verify_psbt(sample.serialise(), sample.expected, sample.limits)
        ours = verify_signed(verified, *_answer(sample, verified)).raw
        signed = base64.b64encode(with_signatures(sample, verified).serialise()).decode()
        told = node.call("finalizepsbt", signed)
        assert told["complete"], sample.descriptor.text()
        assert told["hex"] == ours.hex(), sample.descriptor.text()


def _answer(sample: Sample, verified: VerifiedSpend) -> tuple[object, ...]:
    honest = sample.account.honest(verified)
    return ((), honest) if sample.descriptor.group else (honest,)


@pytest.mark.parametrize("kind", KINDS)
def test_derives_the_addresses_that_bitcoind_derives(node: RealNode, kind: Kind) -> None:
    descriptor = account_of(b"addresses", kind).descriptor
    for branch in (0, 1):
        theirs = node.call("deriveaddresses", descriptor.text(branch=branch), [0, 20])
        assert [descriptor.address(bool(branch), index) for index in range(21)] == theirs
    told = node.call("getdescriptorinfo", descriptor.text())
    assert told["checksum"] == descriptor.text().partition("#")[2]
    assert (told["issolvable"], told["hasprivatekeys"]) == (True, False)

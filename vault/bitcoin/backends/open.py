"""Opens the backend of treasury.toml, with its witness where there is one. Nothing is asked yet.

Refuses nothing that the configuration has let through; passwords come from the keyring when they are
needed, cookies from their file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vault.address import network_of

if TYPE_CHECKING:
    from vault.bitcoin.backends.base import Backend
    from vault.bitcoin.backends.node_rpc import Credentials
    from vault.config import BackendSettings, Treasury


def open_backend(treasury: Treasury, warn: Callable[[str], None]) -> Backend:
    """The configured backend. `warn` is told when a status rests on one of two backends alone."""
    settings = treasury.config.bitcoin
    (_, primary), *others = open_each(treasury)
    if settings.witness is None:
        return primary
    from vault.bitcoin.backends.witnesses import WitnessedBackend

    return WitnessedBackend(
        primary,
        others[0][1],
        network_of(settings.network),
        tip_blocks=settings.witness.tip_blocks,
        fee_factor=settings.witness.fee_factor,
        warn=warn,
    )


def open_each(treasury: Treasury) -> tuple[tuple[str, Backend], ...]:
    """Every configured backend by itself, named ``backend`` and ``witness``."""
    names = ("backend", "witness")
    each = zip(names, treasury.config.bitcoin.backends, strict=False)
    return tuple((name, _open_one(treasury, settings, name)) for name, (_, settings) in each)


def _open_one(treasury: Treasury, settings: BackendSettings, name: str) -> Backend:
    network = network_of(treasury.config.bitcoin.network)
    certificate, proxy = settings.certificate or "", settings.proxy or ""
    if settings.kind == "esplora":
        from vault.bitcoin.backends.esplora import EsploraBackend

        return EsploraBackend(
            settings.address,
            settings.timeout_seconds,
            network=network,
            certificate=certificate,
            proxy=proxy,
        )
    if settings.kind == "electrum":
        from vault.bitcoin.backends.electrum import ElectrumBackend

        return ElectrumBackend(
            settings.address, network, settings.timeout_seconds, certificate=certificate, proxy=proxy
        )
    from vault.bitcoin.backends.node import NodeBackend

    return NodeBackend(
        settings.address,
        network,
        _credentials(treasury, settings),
        settings.timeout_seconds,
        birthday=settings.birthday,
        scan_file=treasury.wallets_path / f"scan-{network.name}-{name}.json",
        certificate=certificate,
        proxy=proxy,
    )


def _credentials(treasury: Treasury, settings: BackendSettings) -> Credentials:
    from vault.bitcoin.backends.node_rpc import cookie

    if settings.cookie is not None:
        return cookie(treasury.folder / Path(settings.cookie).expanduser())

    def read() -> str:
        from vault.secrets import read_secret

        secret = read_secret(treasury.config.treasury_id, settings.secret_name)
        return f"{settings.user}:{secret.reveal()}"

    return read

"""One open device, one wallet, one owner: the only way the program talks to hardware.

The wallet is recognised by its root fingerprint, at open and again before anything is shown or signed.
After any error the session is over: the device is told to cancel, the line is closed and never used
again, so that no late answer is taken for a new one.
"""

from __future__ import annotations

import base64
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, TypeVar

from vault.address import Network, base58check_decode
from vault.device import failures
from vault.device.connect import CONNECT_LIMIT_S, connect, is_emulated, require_in_step
from vault.device.features import (
    DeviceInfo,
    DeviceKind,
    device_mapping,
    onekey_model,
    read_info,
    require_kind,
    require_strict,
    require_usable,
)
from vault.device.paths import (
    PathLike,
    check_account_path,
    check_message_path,
    check_wallet_path,
    coin_name,
    format_path,
    parse_path,
)
from vault.device.prompt import OnPrompt, Prompt, silent
from vault.device.request import SignedInputs, SpendRequest
from vault.device.sign import run_sign_tx
from vault.device.translate import describe, translate
from vault.device.wire import GuardedTransport
from vault.errors import DeviceError, VaultError, WrongDeviceError

Wallet = Literal["standard", "passphrase_on_device"]

MAX_MESSAGE: Final = 4096
_CALL_MESSAGES: Final = 100  # a call and the questions it asks the person, page by page
_P2WPKH_HEADERS: Final = range(39, 43)

T = TypeVar("T")
_open_paths: set[str] = set()
_open_lock = threading.Lock()


class DeviceSession:
    """An open wallet on a device; made by `open_device`, used by the thread that opened it."""

    def __init__(
        self, session: Any, line: GuardedTransport, info: DeviceInfo, limit_s: float, on_prompt: OnPrompt
    ) -> None:
        self._session = session
        self._line = line
        self._info = info
        self._limit_s = limit_s
        self._on_prompt = on_prompt
        self._owner = threading.get_ident()
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Root fingerprint of the wallet: 8 hex digits."""
        return self._fingerprint

    @property
    def features(self) -> DeviceInfo:
        """What the device said about itself when it was last asked."""
        return self._info

    def xpub(self, path: PathLike, network: Network | None = None) -> str:
        """The extended public key (xpub or tpub, never SLIP-132) of an account path.

        Raises `DeviceError` (``device.forbidden_path``, ``device.bad_public_key``, …).
        """
        steps = parse_path(path)
        wanted = check_account_path(steps)
        if network is not None and network.coin_type != wanted.coin_type:
            raise DeviceError("forbidden_path", f"{format_path(steps)} does not belong to {network.name}")
        node = self._call(lambda: self._public_node(steps, network or wanted))
        return str(node.xpub)

    def public_key(self, path: PathLike, network: Network) -> str:
        """The compressed public key (66 hex digits) of an address path, shown nowhere.

        Raises `DeviceError`.
        """
        steps = parse_path(path)
        check_message_path(steps, network)
        node = self._call(lambda: self._public_node(steps, network))
        return bytes(node.node.public_key).hex()

    def show_address(self, network: Network, path: PathLike, script_type: str, *, expected: str) -> str:
        """Have the device show an address; it must be `expected`, which we derived ourselves.

        Raises `DeviceError` (``device.address_mismatch``), `DeviceRefusedError` when the person says no.
        """
        from trezorlib import btc, messages

        steps = parse_path(path)
        check_wallet_path(steps, script_type, network)
        kinds = {
            "p2wpkh": messages.InputScriptType.SPENDWITNESS,
            "p2tr": messages.InputScriptType.SPENDTAPROOT,
        }
        self._prepare()
        self._prompt("show_address", f"address: {expected}", f"path: {format_path(steps)}")
        found = self._call(
            lambda: (
                btc.get_authenticated_address(
                    self._session,
                    coin_name(network),
                    list(steps),
                    show_display=True,
                    script_type=kinds[script_type],
                ).address
            )
        )
        if found != expected:
            self._abandon()
            raise DeviceError(
                "address_mismatch",
                f"expected {expected} at {format_path(steps)}, found {failures.said(found)}",
                hint="Do not use either address: the device, its line or the descriptor is wrong.",
            )
        return expected

    def sign_message(self, path: PathLike, text: str, network: Network) -> str:
        """Sign 7-bit text with the p2wpkh key of `path`; base64 of 65 bytes with header 39 to 42.

        The signature is not verified here: see `vault.attestation.verify`. Raises `DeviceError`.
        """
        from trezorlib import btc, messages

        steps = parse_path(path)
        check_message_path(steps, network)
        if not text or len(text) > MAX_MESSAGE or any(c != "\n" and not " " <= c <= "~" for c in text):
            raise DeviceError(
                "bad_message", f"expected 1 to {MAX_MESSAGE} characters of visible 7-bit text and newlines"
            )
        self._prepare()
        require_strict(self._info)
        self._prompt("sign_message", f"key: {format_path(steps)}", *text.split("\n"))
        raw = self._call(
            lambda: bytes(
                btc.sign_message(
                    self._session,
                    coin_name(network),
                    list(steps),
                    text,
                    script_type=messages.InputScriptType.SPENDWITNESS,
                ).signature
            )
        )
        if len(raw) != 65 or raw[0] not in _P2WPKH_HEADERS:
            self._abandon()
            raise DeviceError(
                "bad_signature",
                f"expected 65 bytes with header 39 to 42, found {len(raw)} bytes: {raw[:1].hex()}",
                hint="Unplug the device and find out what is wrong with it.",
            )
        return base64.b64encode(raw).decode()

    def sign_transaction(self, request: SpendRequest, network: Network) -> SignedInputs:
        """Sign every input of a request that was filled from a verified PSBT.

        The device must hold the wallet of every input, with strict safety checks. Raises `DeviceError`
        and its kin; nothing of a failed signing is kept.
        """
        translation = translate(request, network, self._fingerprint)
        self._prepare()
        require_strict(self._info)
        self._prompt("sign_transaction", *describe(request))
        return self._call(
            lambda: run_sign_tx(self._session, translation, request), messages=translation.message_budget
        )

    def _prompt(self, action: str, *lines: str) -> None:
        self._on_prompt(Prompt(action, lines))

    def _prepare(self) -> None:
        """Right before a person is asked: the same wallet, unlocked, in its present settings."""
        self._call(self._refresh, limit_s=min(self._limit_s, CONNECT_LIMIT_S))

    def _refresh(self) -> None:
        from trezorlib import messages

        answer = self._session.call(messages.GetFeatures(), expect=messages.Features)
        self._info = read_info(answer, emulated=self._info.emulated)
        require_usable(self._info)
        self._require_fingerprint(self._fingerprint)

    def _require_fingerprint(self, expected: str | None) -> None:
        from trezorlib import messages
        from trezorlib.client import GET_ROOT_FINGERPRINT_MESSAGE

        # Asked anew each time: the library's own accessor remembers the first answer.
        answer = self._session.call(GET_ROOT_FINGERPRINT_MESSAGE, expect=messages.PublicKey)
        found = int(answer.node.fingerprint).to_bytes(4, "big").hex()
        if expected is not None and found != expected:
            raise WrongDeviceError(
                "wrong_wallet",
                f"expected the wallet {expected}, found {found} on {self._info.model}",
                hint="Connect the device that is configured, or use the passphrase of that wallet.",
                expected=expected,
                found=found,
            )
        self._fingerprint = found

    def _public_node(self, steps: tuple[int, ...], network: Network) -> Any:
        from trezorlib import btc

        answer = btc.get_public_node(
            self._session, list(steps), coin_name=coin_name(network), ignore_xpub_magic=True
        )
        node = answer.node
        serialised = (
            network.xpub
            + bytes([len(steps)])
            + int(node.fingerprint).to_bytes(4, "big")
            + steps[-1].to_bytes(4, "big")
            + bytes(node.chain_code)
            + bytes(node.public_key)
        )
        parts = (node.depth, node.child_num, len(node.chain_code), len(node.public_key))
        if parts != (len(steps), steps[-1], 32, 33) or base58check_decode(answer.xpub) != serialised:
            raise DeviceError(
                "bad_public_key",
                f"the device's key for {format_path(steps)} contradicts itself",
                hint=failures.RETRY,
            )
        return answer

    def _call(
        self, run: Callable[[], T], *, messages: int = _CALL_MESSAGES, limit_s: float | None = None
    ) -> T:
        """Run one exchange within its limits, and prove that its answer was the answer to it."""
        if threading.get_ident() != self._owner:
            raise DeviceError("wrong_thread", "a device session belongs to the thread that opened it")
        try:
            # One more message for the proof that questions and answers are in step.
            self._line.allow(self._limit_s if limit_s is None else limit_s, messages + 1)
            result = run()
            require_in_step(self._line)
        except BaseException as error:
            self._abandon()
            if isinstance(error, Exception) and not isinstance(error, VaultError):
                raise failures.from_exception(error) from None
            raise
        return result

    def _abandon(self) -> None:
        self._line.cancel()
        self._line.close()

    def _end(self) -> None:
        """Give the device its session slot back, if the line is whole."""
        from trezorlib import messages

        if self._line.alive:
            with suppress(Exception):
                self._line.allow(min(self._limit_s, 2.0), 2)
                self._session.call(messages.EndSession())


@contextmanager
def open_device(
    path: str,
    *,
    kind: DeviceKind,
    expected_fingerprint: str | None,
    timeout_s: float,
    on_prompt: OnPrompt = silent,
    wallet: Wallet = "standard",
) -> Iterator[DeviceSession]:
    """Open the wallet on the device at `path` for the length of a ``with`` block.

    `timeout_s` is the time a person has for each answer. `expected_fingerprint` is the configured root
    fingerprint; None only to learn it at enrolment. Raises `DeviceError`, `WrongDeviceError`.
    """
    with _own(path):
        line, features = connect(path, timeout_s)
        session: DeviceSession | None = None
        try:
            info = read_info(features, emulated=is_emulated(path))
            session = _begin(
                line,
                info,
                kind=kind,
                timeout_s=timeout_s,
                on_prompt=on_prompt,
                wallet=wallet,
                expected_fingerprint=expected_fingerprint,
            )
            yield session
            session._end()
        except BaseException as error:
            # Covers Ctrl-C: the device is told to stop before the program does.
            line.cancel()
            if session is None and isinstance(error, Exception):
                raise failures.from_exception(error) from None
            raise
        finally:
            line.close()


@contextmanager
def _own(path: str) -> Iterator[None]:
    with _open_lock:
        if path in _open_paths:
            raise DeviceError("busy", f"{path} is already open in this program", hint="Close it first.")
        _open_paths.add(path)
    try:
        yield
    finally:
        with _open_lock:
            _open_paths.discard(path)


def _begin(
    line: GuardedTransport,
    info: DeviceInfo,
    *,
    kind: DeviceKind,
    timeout_s: float,
    on_prompt: OnPrompt,
    wallet: Wallet,
    expected_fingerprint: str | None,
) -> DeviceSession:
    from trezorlib.client import AppManifest, PassphraseSetting
    from trezorlib.protocol_v1 import TrezorClientV1

    require_kind(info, kind)
    require_usable(info)
    line.allow(min(timeout_s, CONNECT_LIMIT_S), _CALL_MESSAGES)
    require_in_step(line, skip_old=True)
    app = AppManifest("vault", host_name="", pin_callback=_refuse_pin)
    client = TrezorClientV1(
        app, line, model=onekey_model() if kind == "onekey" else None, mapping=device_mapping()
    )
    if wallet == "passphrase_on_device":
        on_prompt(Prompt("enter_passphrase", ("Enter the passphrase on the device.",)))
        line.allow(timeout_s, _CALL_MESSAGES)
        setting = PassphraseSetting.ON_DEVICE
    else:
        setting = PassphraseSetting.STANDARD_WALLET
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # outdated firmware is an error here, not a warning
        wallet_session = client.get_session(passphrase=setting)
    session = DeviceSession(wallet_session, line, info, timeout_s, on_prompt)
    session._require_fingerprint(expected_fingerprint)
    require_in_step(line)
    return session


def _refuse_pin(_request: object) -> str:
    raise DeviceError(
        "pin_entry_unsupported",
        "the device asks for its PIN by a matrix on this computer's screen",
        hint="Unlock the device with its own application first; PINs are not taken here.",
    )

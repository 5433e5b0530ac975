"""One value, one text, one hash; and JSON that could be read two ways is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.canonical import MAX_DEPTH, canonical_json, digest, digest_bytes, read_json
from vault.errors import DocumentError

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def code(call: object, *arguments: object) -> str:
    with pytest.raises(DocumentError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code


@given(values)
def test_the_text_reads_back_to_the_value_and_is_its_own_canonical_form(value: object) -> None:
    text = canonical_json(value)
    assert read_json(text) == value
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(max_size=6), st.integers(), min_size=2, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    turned = dict(reversed(list(value.items())))
    assert digest(turned) == digest(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"é": "ü€😀"}, '{"é":"ü€😀"}'),
        ('a\n"\\\x01', '"a\\n\\"\\\\\\u0001"'),
        ((1, 2), "[1,2]"),
        ({"aa": 1, "a": 2, "B": 3}, '{"B":3,"a":2,"aa":1}'),
    ],
)
def test_writes_one_text(value: object, text: str) -> None:
    assert canonical_json(value) == text
    assert digest(value) == hashlib.sha256(text.encode()).hexdigest() == digest_bytes(text.encode())


@pytest.mark.parametrize("value", [0.1, float("nan"), float("inf"), b"x", {1, 2}, object()])
def test_refuses_what_has_no_exact_form(value: object) -> None:
    assert code(canonical_json, value) == "document.not_canonical"
    assert code(canonical_json, {"a": [value]}) == "document.not_canonical"


def test_refuses_integers_that_python_will_not_print() -> None:
    assert code(canonical_json, 10**5000) == "document.not_canonical"


@pytest.mark.parametrize("key", [1, None, True, (1,)])
def test_refuses_keys_that_are_no_text(key: object) -> None:
    assert code(canonical_json, {key: 1}) == "document.bad_key"


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def test_refuses_nesting_beyond_the_cap_and_not_before() -> None:
    assert canonical_json(nested(MAX_DEPTH)).startswith("[")
    assert code(canonical_json, nested(MAX_DEPTH + 1)) == "document.too_deep"
    assert code(read_json, "[" * 100_000 + "]" * 100_000) == "document.too_deep"


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '"\\udfff"', '{"\\ud800": 1}'])
def test_refuses_half_a_surrogate_pair_which_has_no_utf_8(text: str) -> None:
    assert code(read_json, text) == "document.not_canonical"
    assert code(digest, json.loads(text)) == "document.not_canonical"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', "document.duplicate_key"),
        ('{"x": {"a": 1, "a": 1}}', "document.duplicate_key"),
        ('{"a": 1, "\\u0061": 2}', "document.duplicate_key"),
        ('{"a": 0.1}', "document.float"),
        ('{"a": 1e5}', "document.float"),
        ('{"a": NaN}', "document.float"),
        ('{"a": -Infinity}', "document.float"),
        ("{", "document.not_json"),
        ("", "document.not_json"),
        ("{} {}", "document.not_json"),
        ("[1,]", "document.not_json"),
        ("{'a': 1}", "document.not_json"),
        ('"\x01"', "document.not_json"),
        ("9" * 5000, "document.not_json"),
    ],
)
def test_refuses_json_that_is_not_strict(text: str, expected: str) -> None:
    assert code(read_json, text) == expected


@given(st.text(max_size=60))
def test_any_text_is_json_or_a_clear_refusal(text: str) -> None:
    try:
        value = read_json(text)
    except DocumentError as error:
        assert error.code.startswith("document.")
    else:
        assert read_json(canonical_json(value)) == value

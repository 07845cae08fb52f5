"""JSON of any kind, anywhere in a text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.parse.reply import scanning
from matsearch.parse.reply.quoting import Text
from matsearch.parse.reply.scanning import Group, scan

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_fragments = st.lists(
    st.sampled_from(
        ['{"a":', "{", "}", "[", "]", '"', "'", '"""', ",", ":", "\\", "\n", "```", "x", "1", " ", "//", "#"]
    ),
    max_size=40,
).map("".join)


def plain(value):
    if isinstance(value, Text):
        return value.value
    if isinstance(value, str):
        return json.loads(value) if value in {"null", "true", "false"} or value[0] in "-0123456789" else value
    if value.keyed:
        return {key: plain(inner) for key, inner in value.pairs}
    return [plain(inner) for inner in value.values]


def read(text):
    return [plain(group) for group in scan(text)]


@given(
    value=st.dictionaries(_texts, _values, max_size=4),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
def test_valid_json_is_read_as_the_standard_library_reads_it(value, indent, ascii_only):
    assert read("Here it is:\n" + json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == [value]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1} and then {"b": 2}', [{"a": 1}, {"b": 2}]),
        ('[{"a": 1}, {"b": 2}]', [[{"a": 1}, {"b": 2}]]),
        ('"0": {"a": 1}, "1": {"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1, "b": [1, 2,],}', [{"a": 1, "b": [1, 2]}]),
        ("{0: {a: 1}}", [{"0": {"a": 1}}]),
        ("{'a': 'x', 'b': None}", [{"a": "x", "b": "None"}]),
        ("{'a': '''x\ny'''}", [{"a": "x\ny"}]),
        ('{"a": """x "y" z"""}', [{"a": 'x "y" z'}]),
        ('{"a": "x\ny"}', [{"a": "x\ny"}]),
        ('{"a": "he said "so" twice"}', [{"a": 'he said "so" twice'}]),
        ('{"a": "R\\3m", "b": "\\u00e5"}', [{"a": "R\\3m", "b": "å"}]),
        ('{"a": "x"\n "b": "y"}', [{"a": "x", "b": "y"}]),
        ('{"a": "x" // it\'s "a" comment\n, "b": 2 # and {another}\n}', [{"a": "x", "b": 2}]),
        ('{/* no } */ "a": 1}', [{"a": 1}]),
        ('{"a": {"b": 1}, "c": 2]}', [{"a": {"b": 1}, "c": 2}]),
        ('{"a": [1, 2}', [{"a": [1, 2]}]),
        ('{"a": "x\n}\n{"b": 1}', [{"a": "x"}, {"b": 1}]),
        ('{"a": {"b": "x}, "c": {"b": "y"}}', [{"a": {"b": "x"}, "c": {"b": "y"}}]),
        ('{"a": "x\n```\nDone. {"b": 1}', [{"a": "x"}, {"b": 1}]),
        ("the set {x, it's} is not {'a': 1}", [{}, {"a": 1}]),
        ('{"a": "\\ud83d\\ude00 \\ud83d"}', [{"a": "😀 \ufffd"}]),
    ],
)
def test_what_models_do_to_json_is_mended(text, expected):
    assert read(text) == expected


def test_both_values_of_a_key_are_kept():
    (group,) = scan('{"a": 1, "a": 2}')
    assert group.pairs == [("a", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("text", "group", "value"),
    [
        ('{"a": "x', False, False),
        ('{"a": "x"', False, True),
        ('{"a": "x"}', True, True),
        ('{"a": "x}\n', False, False),
    ],
)
def test_what_the_text_ends_in_is_not_closed(text, group, value):
    (found,) = scan(text)
    assert (found.closed, found.values[0].closed) == (group, value)


@given(_fragments)
def test_any_text_has_groups_no_deeper_than_the_limit(text):
    def depth(value):
        return 1 + max(map(depth, value.values), default=0) if isinstance(value, Group) else 0

    assert all(depth(group) <= 64 for group in scan(text * 5))


def test_deep_nesting_hides_nothing():
    assert any(plain(group) == {"a": 1} for group in _all(scan("{" * 1000 + '{"a": 1}' + "}" * 1000)))


def test_no_more_groups_than_the_limit_are_read(monkeypatch):
    monkeypatch.setattr(scanning, "MAX_GROUPS", 5)
    assert len(scan("{}" * 7)) == 5


def _all(groups):
    for group in groups:
        yield group
        yield from _all(value for value in group.values if isinstance(value, Group))

"""Files of examples: TRL's columns, VersaPRM's JSON, and what does not fit either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multibin.reward.train import Example, read_examples


def written(folder: Path, rows: list[Any], *, lines: bool = True) -> Path:
    """Returns a file with the rows as JSON lines or as an array."""
    path = folder / ("rows.jsonl" if lines else "rows.json")
    texts = [json.dumps(row) for row in rows]
    path.write_text("\n".join(texts) if lines else f"[{', '.join(texts)}]", encoding="utf-8")
    return path


TRL = {"prompt": "1+1?", "completions": ["one", "two"], "labels": [True, False]}
VERSAPRM = {
    "domain": "law",
    "question": "2?",
    "chain_of_thoughts": [
        {"steps": ["a", "b", "c"], "labels": [1, -1, 1], "augs": []},
        {"steps": ["d"], "labels": None, "augs": []},
        {"steps": ["e", "f", "g"], "labels": [1, -1]},
        {"steps": ["h"], "labels": [0], "augs": [{"aug_step": "i", "aug_idx": 0, "aug_type": 1}]},
        {"steps": ["k"]},
    ],
}


@pytest.mark.parametrize("lines", [True, False])
def test_rows_of_trl_and_of_versaprm_are_read(tmp_path: Path, lines: bool) -> None:
    assert read_examples(written(tmp_path, [TRL, VERSAPRM], lines=lines)) == [
        Example("1+1?", ["one", "two"], [True, False]),
        Example("2?", ["a", "b", "c"], [True, False, True]),
        Example("2?", ["e", "f", "g"], [True, False, None]),
        Example("2?", ["h"], [False]),
    ]


def test_own_fields_are_read_with_unlabelled_steps(tmp_path: Path) -> None:
    row = {"question": "q", "steps": ["a", "b"], "labels": [None, True]}
    assert read_examples(written(tmp_path, [row])) == [Example("q", ["a", "b"], [None, True])]


def test_neutral_steps_are_good_where_asked_for(tmp_path: Path) -> None:
    found = read_examples(written(tmp_path, [VERSAPRM]), neutral=True)
    assert found[-1] == Example("2?", ["h"], [True])


def test_changed_steps_stand_behind_the_steps_up_to_the_first_error(tmp_path: Path) -> None:
    chain = {
        "steps": ["a", "b", "c"],
        "labels": [1, -1, -1],
        "augs": [
            {"aug_step": "good", "aug_idx": 1, "aug_type": 0},
            {"aug_step": "bad", "aug_idx": 2, "aug_type": 4},
        ],
    }
    path = written(tmp_path, [{"question": "q", "chain_of_thoughts": [chain]}])
    assert read_examples(path, changed_steps=True)[1:] == [
        Example("q", ["a", "good"], [None, True]),
        Example("q", ["a", "b", "bad"], [None, None, False]),
    ]
    assert len(read_examples(path)) == 1
    chain["augs"] = [{"aug_step": "far", "aug_idx": 3, "aug_type": 1}]
    path = written(tmp_path, [{"question": "q", "chain_of_thoughts": [chain]}])
    with pytest.raises(ValueError, match=r"augs\[0\]: aug_idx must be between 0 and 2, got 3"):
        read_examples(path, changed_steps=True)


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"\ufeff\n{json.dumps(TRL)}\n\n", encoding="utf-8")
    assert len(read_examples(path)) == 1


def test_line_separators_inside_a_text_end_no_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = json.dumps({**TRL, "prompt": "a\u2028b\x85c"}, ensure_ascii=False)
    path.write_text(row, encoding="utf-8")
    assert read_examples(path)[0].question == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (3, "line 2: the row must be a JSON object, got 3"),
        ({}, r"line 2: the row must have the fields prompt and completions, .* got \[\]"),
        ({"prompt": "q"}, r"line 2: the row must have the fields .* got \['prompt'\]"),
        (TRL | {"prompt": [{"role": "user"}]}, "line 2: prompt must be a string, got"),
        (TRL | {"completions": "ab"}, "line 2: completions must be a list, got 'ab'"),
        (TRL | {"completions": []}, r"line 2: completions must be a list that is not empty"),
        (TRL | {"completions": ["a", " "]}, r"line 2: completions\[1\] must be a string that is"),
        (TRL | {"labels": [True]}, "line 2: labels must have one entry for each of completions"),
        (TRL | {"labels": [True, "+"]}, r"line 2: labels\[1\] must be true, false, null"),
        (TRL | {"labels": [0.5, 1]}, r"line 2: labels\[0\] must be true, false, null"),
        ({"prompt": "q", "completions": ["a"]}, "line 2: the row must have the field labels"),
        ({"chain_of_thoughts": []}, "line 2: the row must have the field question"),
        (
            {"question": "q", "chain_of_thoughts": [{"steps": ["a", "b"], "labels": [1]}]},
            r"line 2: chain_of_thoughts\[0\]: labels must have one entry for each of steps",
        ),
        (
            {"question": "q", "chain_of_thoughts": [{"labels": [1]}]},
            r"line 2: chain_of_thoughts\[0\]: the row must have the field steps",
        ),
        ({"question": "q", "chain_of_thoughts": [None]}, "the chain must be a JSON object"),
    ],
)
def test_odd_rows_are_errors_that_name_place_and_field(
    tmp_path: Path, row: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_examples(written(tmp_path, [TRL, row]))


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(TRL) + "\n{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"rows\.jsonl, line 2 must be JSON"):
        read_examples(path)
    path.write_text("[1, ", encoding="utf-8")
    with pytest.raises(ValueError, match=r"rows\.jsonl must be JSON"):
        read_examples(path)
    path.write_bytes(b'{"prompt": "\xff"}')
    with pytest.raises(ValueError, match=r"rows\.jsonl must be UTF-8"):
        read_examples(path)
    path.write_text("\n")
    with pytest.raises(ValueError, match="must have at least one example, got none"):
        read_examples(path)
    with pytest.raises(FileNotFoundError):
        read_examples(tmp_path / "missing.json")
    with pytest.raises(ValueError, match=r"rows\.json, row 1: the row must be a JSON object"):
        read_examples(written(tmp_path, [[]], lines=False))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "prompt",
                    "question",
                    "completions",
                    "steps",
                    "labels",
                    "chain_of_thoughts",
                    "augs",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_any_json_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, row: Any
) -> None:
    path = written(tmp_path_factory.mktemp("rows"), [TRL, row])
    try:
        message, found = "", read_examples(path, changed_steps=True)
    except ValueError as error:
        message, found = str(error), []
    assert "rows.jsonl, line 2: " in message or found[0].question == TRL["prompt"]

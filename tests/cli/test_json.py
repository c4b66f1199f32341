"""What ``--json`` prints: strict JSON, as the schemas in the package say, with their versions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.validator import errors
from tests.lab.fit_costs.made import made, write

import multibin.lab.paper
from multibin.cli import main
from multibin.cli._json import VERSIONS, document, print_json, schema
from multibin.costs import CostTable
from multibin.lab.paper import Lab
from multibin.lab.plan._json import SCHEMA, VERSION

SCHEMAS = {command: json.loads(schema(command)) for command in VERSIONS}

SIMULATE = ["simulate", "trace.csv"]
DRAWN = ["--rate=2", "--cv=2", "--requests=1000", "--saturation", "--sigma=0.3"]
PLAN = ["plan", "trace.csv", "--quick", "--requests=2000", "--bins=1,4", "--batch-sizes=8"]
BOUND = ["--slo-ttft=60", "--slo-tpot=1", "--kv-budget=1MB", "--kv-bytes-per-token=64"]
FIT = ["calibrate", "--from=bench.json"]

RUNS: dict[str, tuple[list[str], int]] = {
    "simulate": (SIMULATE, 0),
    "simulate, every option": (
        [
            *SIMULATE,
            *DRAWN,
            "--servers=2",
            "--policy=chunked",
            "--max-resident=64",
            "--time-unit=1",
        ],
        0,
    ),
    "simulate, a closed loop and a table": (
        [*SIMULATE, "--users=9", "--requests=500", "--costs=table.json", "--columns=prompt="],
        0,
    ),
    "simulate, a prefix cache": (["simulate", "hashed.jsonl", "--prefix-cache=4096"], 0),
    "plan, a prefix cache": (
        ["plan", "hashed.jsonl", *PLAN[2:], "--prefix-cache=unlimited"],
        0,
    ),
    "plan": ([*PLAN, "--rate=0.3", "--check=trace.csv"], 0),
    "plan, bounds and memory": ([*PLAN, *BOUND, "--hardware=H100-8B", "--context=150"], 0),
    "plan, nothing will do": ([*PLAN, "--rate=50", "--slo-p99=1e-3"], 1),
    "plan, a benchmark to check": ([*PLAN, "--speed=1.5", "--check=bench.json"], 0),
    "calibrate, fitted": ([*FIT, "--check=other.json", "--max-num-seqs=24"], 0),
    "calibrate, fitted to few": (["calibrate", "--from=few.json"], 0),
    "calibrate, measured": (
        ["calibrate", "--rows=1,3", "--tokens=8,24", "--repeats=1", "--device=cpu"],
        0,
    ),
    "reproduce": (["reproduce"], 1),
    "reproduce, a trace": (["reproduce", "trace.csv"], 1),
}
"""Arguments and exit statuses."""


@pytest.fixture(scope="module")
def printed() -> Callable[[str, pytest.CaptureFixture[str]], dict[str, Any]]:
    """Returns what a run printed; each runs once."""
    known: dict[str, dict[str, Any]] = {}

    def run(name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
        if name not in known:
            arguments, status = RUNS[name]
            assert main([*arguments, "--json"]) == status
            known[name] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        return deepcopy(known[name])

    return run


@pytest.fixture(autouse=True)
def _files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks, hashes and a table beside the trace; the paper's numbers from few requests."""
    rows = [
        {"timestamp": 900 * i, "input_length": 1024, "output_length": 5 + i % 9, "hash_ids": [1, i]}
        for i in range(200)
    ]
    Path("hashed.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write(made(n=60, slots=24), Path("bench.json"))
    write(made(n=50, slots=24, rate=6.0, seed=7), Path("other.json"))
    write(made(n=25, slots=24), Path("few.json"))
    grid = [[0.01, 0.02], [0.02, 0.03]]
    table = CostTable(
        np.array([1, 8]), np.array([16, 256]), np.array(grid), np.array(grid), np.array(grid)
    )
    table.save("table.json")
    monkeypatch.setattr(multibin.lab.paper, "Lab", lambda report: Lab(2_000, report))


def needed(name: str) -> None:
    """Skips the one run that needs torch where there is none."""
    if name == "calibrate, measured" and find_spec("torch") is None:
        pytest.skip("the engine needs the extra `llm`")


def without_one(value: Any, rule: Any, root: Any) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yields each required key of a value, with a function that deletes it."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if choices := rule.get("anyOf", rule.get("oneOf")):
        fitting = next(one for one in choices if not [*errors(value, one, root)])
        yield from without_one(value, fitting, root)
    elif isinstance(value, dict):
        for key in rule.get("required", ()):
            yield key, lambda key=key: value.pop(key)  # type: ignore[misc]
        for key, one in value.items():
            other = rule.get("additionalProperties")
            known = rule.get("properties", {}).get(key, other)
            yield from without_one(one, known, root) if known else ()
    elif isinstance(value, list) and value:
        yield from without_one(value[0], rule["items"], root)


@pytest.mark.parametrize("name", RUNS)
def test_what_is_printed_is_what_the_schema_says(
    name: str, printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    needed(name)
    found = printed(name, capsys)
    command = RUNS[name][0][0]
    assert [*found][:2] == ["schema", "version"]
    assert (found["schema"], found["version"]) == (f"multibin.{command}", VERSIONS[command])
    assert [*errors(found, SCHEMAS[command])] == []


@pytest.mark.parametrize("name", RUNS)
def test_each_required_key_is_missed(
    name: str, printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    needed(name)
    rules = SCHEMAS[RUNS[name][0][0]]
    keys = [key for key, _ in without_one(printed(name, capsys), rules, rules)]
    assert len(keys) > 14
    for number, key in enumerate(keys):
        found = printed(name, capsys)
        [*without_one(found, rules, rules)][number][1]()
        assert [*errors(found, rules)], key


@pytest.mark.parametrize("name", RUNS)
def test_other_keys_and_numbers_that_are_none_are_refused(
    name: str, printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    needed(name)
    rules = SCHEMAS[RUNS[name][0][0]]
    found = printed(name, capsys)
    assert [*errors({**found, "other": 1}, rules)]
    assert [*errors({**found, "version": found["version"] + 1}, rules)]
    assert [*errors({**found, "version": True}, rules)]


def objects(rule: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every schema of an object within a schema."""
    if isinstance(rule, dict):
        if rule.get("type") == "object":
            yield at, rule
        for name, one in rule.items():
            yield from objects(one, f"{at}/{name}")
    if isinstance(rule, list):
        for one in rule:
            yield from objects(one, at)


@pytest.mark.parametrize("command", VERSIONS)
def test_every_field_is_described_and_no_other_is_allowed(command: str) -> None:
    for at, rule in objects(SCHEMAS[command]):
        assert "additionalProperties" in rule, at
        fields = rule.get("properties", {})
        assert set(rule.get("required", ())) <= set(fields), at
        assert all(len(one.get("description", "")) > 3 for one in fields.values()), at


@pytest.mark.parametrize("command", VERSIONS)
def test_names_and_versions_are_one(command: str) -> None:
    rules = SCHEMAS[command]
    assert rules["$id"] == f"urn:multibin:{command}:{VERSIONS[command]}"
    heads = (
        [rules["$defs"][kind] for kind in ("measured", "fitted")] if "oneOf" in rules else [rules]
    )
    for head in heads:
        constants = {name: head["properties"][name]["const"] for name in ("schema", "version")}
        assert constants == document(command, {})
    assert document("plan", {}) == {"schema": SCHEMA, "version": VERSION}


def test_what_two_schemas_define_is_the_same() -> None:
    names = {name for rules in SCHEMAS.values() for name in rules["$defs"]}
    for name in names:
        versions = [rules["$defs"][name] for rules in SCHEMAS.values() if name in rules["$defs"]]
        assert all(one == versions[0] for one in versions), name


@pytest.mark.parametrize("command", VERSIONS)
def test_the_schema_is_printed_and_in_the_package(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--json-schema"])
    assert ended.value.code == 0
    text = (files("multibin.cli") / f"schemas/{command}.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    jsonschema = pytest.importorskip("jsonschema", reason="checks the schemas themselves")
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_not_printed(
    number: float, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="JSON"):
        print_json("simulate", {"rate": number})
    assert capsys.readouterr().out == ""


ODD = {
    "one row": "0,5,1\n",
    "all at once": "3,5,1\n" * 30,
    "one token": "".join(f"{i},5,1\n" for i in range(60)),
    "no prompts": "".join(f"{i},0,{1 + i % 7}\n" for i in range(60)),
    "equal": "".join(f"{i},9,9\n" for i in range(60)),
}
"""Traces for which some figures do not exist."""


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "odd.csv"],
        ["simulate", "odd.csv", "--fixed=0", "--step=0", "--prompt-token=1e-3"],
        ["plan", "odd.csv", *PLAN[2:], "--rate=0.5", "--check=odd.csv"],
    ],
    ids=["simulate", "prompts alone cost", "plan"],
)
def test_figures_that_do_not_exist_are_null(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("odd.csv").write_text("timestamp,prompt_tokens,output_tokens\n" + ODD[name])
    assert main([*arguments, "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert [*errors(found, SCHEMAS[arguments[0]])] == []


RULES: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "type": ({"type": "integer"}, [3, 3.0, -1], [3.5, "3", None, True, math.inf]),
    "types": ({"type": ["number", "null"]}, [3.5, None], ["", [], {}, math.nan]),
    "boolean": ({"type": "boolean"}, [True], [0, 1, None]),
    "const": ({"const": 1}, [1], [True, 2, "1"]),
    "enum": ({"enum": ["a", "b"]}, ["a"], ["c", None]),
    "range": ({"minimum": 0, "maximum": 1}, [0, 0.5, 1, "x"], [-1e-9, 1.1]),
    "items": ({"items": {"type": "string"}, "minItems": 1, "maxItems": 2}, [["a"]], [[], [1]]),
    "too many": ({"maxItems": 2}, [[1, 2], "abc"], [[1, 2, 3]]),
    "required": ({"required": ["a"]}, [{"a": 1}, 7], [{}, {"b": 1}]),
    "closed": (
        {"properties": {"a": {"type": "null"}}, "additionalProperties": False},
        [{}, {"a": None}],
        [{"a": 1}, {"b": None}],
    ),
    "mapping": ({"additionalProperties": {"minimum": 1}}, [{}, {"x": 1}], [{"x": 0}]),
    "anyOf": ({"anyOf": [{"minimum": 3}, {"maximum": 4}]}, [2, 3, 5], []),
    "neither": ({"anyOf": [{"const": 3}, {"const": 4}]}, [3, 4], [5]),
    "oneOf": ({"oneOf": [{"minimum": 3}, {"maximum": 4}]}, [2, 5], [3, 4]),
    "$ref": ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, [None], [0]),
}


@pytest.mark.parametrize("name", RULES)
def test_the_validator_refuses_what_is_wrong(name: str) -> None:
    rule, right, wrong = RULES[name]
    assert [value for value in right if [*errors(value, rule)]] == []
    assert [value for value in wrong if not [*errors(value, rule)]] == []


def test_the_validator_knows_no_other_keywords() -> None:
    with pytest.raises(KeyError, match="pattern"):
        [*errors("a", {"pattern": "b"})]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_no_other_value_is_a_document(value: Any) -> None:
    for rules in SCHEMAS.values():
        assert [*errors(value, rules)]

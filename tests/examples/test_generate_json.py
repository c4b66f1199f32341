"""Every text under a grammar is JSON of its schema, and other requests do not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def generate_json(example: Load) -> Any:
    """The example."""
    return example("generate_json", "llguidance")


def assert_person(text: str) -> None:
    person = json.loads(text)
    assert list(person) == ["name", "age", "pets"]
    assert len(person["name"]) <= 12
    assert 0 <= person["age"] <= 120
    assert set(person["pets"]) <= {"cat", "dog", "fish"}
    assert len(person["pets"]) <= 3


def test_texts_are_those_of_the_schema(
    generate_json: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["generate_json"])
    generate_json.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines)) == 8
    for line in lines:
        assert_person(line)


def test_requests_without_a_grammar_share_the_batch(generate_json: Any, example: Load) -> None:
    from llguidance.hf import from_tokenizer

    from multibin import LLM, SamplingParams

    model, tokenizer = example("_small.given").letters()
    llm = LLM(model, tokenizer, batch_size=4)
    plain = [SamplingParams(max_tokens=30, seed=i, ignore_eos=True) for i in range(3)]
    alone = llm.generate(["a"] * 3, plain, use_tqdm=False)
    grammar = generate_json.Grammar(from_tokenizer(tokenizer), generate_json.Person)
    bound = SamplingParams(max_tokens=200, temperature=0, logits_processors=[grammar])
    *beside, person = llm.generate(["a"] * 4, [*plain, bound], use_tqdm=False)
    assert_person(person.outputs[0].text)
    assert person.outputs[0].finish_reason == "stop"
    for one, other in zip(alone, beside, strict=True):
        assert one.outputs[0].token_ids == other.outputs[0].token_ids

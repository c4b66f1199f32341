"""The tool that writes docs/reference/models.md: tiny configs, trials, and the page."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from tools.models import __main__ as command
from tools.models import pool, texts, trial
from tools.models import records as outcome
from tools.models.build import build
from tools.models.candidates import candidates, class_name, config_of, group
from tools.models.page import render
from tools.models.records import Record, Run, differences, read, read_all, write
from tools.models.shrink import tiny_config
from tools.models.variants import WIDE


@pytest.mark.parametrize(
    ("model_type", "expected"),
    [
        ("llama", {"hidden_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 64}),
        ("gpt2", {"n_embd": 32, "n_layer": 2, "n_positions": 64}),
        ("mistral", {"sliding_window": 16}),
        ("qwen2", {"sliding_window": None}),
        ("gemma2", {"layer_types": ["sliding_attention", "full_attention"] * 2}),
        ("deepseek_v3", {"num_key_value_heads": 4, "kv_lora_rank": 16, "v_head_dim": 12}),
        ("bert", {"is_decoder": True}),
    ],
)
def test_a_config_keeps_the_shape_of_its_family(
    model_type: str, expected: dict[str, object]
) -> None:
    config = tiny_config(model_type)
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.eos_token_id is None


def test_nested_configs_are_shrunken_too() -> None:
    config = tiny_config("gemma3")
    assert config.text_config.hidden_size == config.vision_config.hidden_size == 32
    assert set(config.text_config.layer_types) == {"sliding_attention", "full_attention"}


def test_a_variant_overrides_the_sizes() -> None:
    assert config_of("mistral, wide window").sliding_window == WIDE
    assert set(config_of("gemma2, all full").layer_types) == {"full_attention"}
    assert group("mistral, wide window") == outcome.VARIANT
    assert (group("llama"), group("llava")) == (outcome.CAUSAL, outcome.IMAGE)
    assert class_name("llava") == "LlavaForConditionalGeneration"
    assert {"llama", "llava", "mistral, wide window"} <= set(candidates())


def test_prompts_fit_the_context_and_reach_its_end() -> None:
    for context in (16, 62, 64):
        prompts = texts.make_prompts(context)
        counts = texts.budgets(prompts, context)
        ends = [len(prompt) + count - 1 for prompt, count in zip(prompts, counts, strict=True)]
        assert max(ends) == context == max(map(len, prompts))
        assert min(counts) >= 1


def test_twins_share_their_end() -> None:
    first, second = (texts.make_prompts(64)[index] for index in texts.TWINS)
    assert first != second
    assert first[4:] == second[4:]


def test_a_model_is_drawn_from_its_seed_and_its_texts_vary() -> None:
    first, second = (build(tiny_config("llama")) for _ in range(2))
    assert torch.equal(first.lm_head.weight, second.lm_head.weight)
    few = trial.settle(first)
    assert texts.varied(few)
    assert not texts.varied([[1] * 16] * 12)


def test_llama_is_exact() -> None:
    expected = Record("llama", "LlamaForCausalLM", outcome.EXACT, attention=outcome.OWN)
    assert trial.attempt("llama") == expected


@pytest.mark.parametrize(
    ("model_type", "way"),
    [("deepseek_v3", outcome.EXPANDED), ("falcon", outcome.MASKED), ("mistral", outcome.OWN)],
)
def test_the_way_of_attention_stands_in_the_record(model_type: str, way: str) -> None:
    record = trial.attempt(model_type)
    assert (record.outcome, record.attention) == (outcome.EXACT, way)


@pytest.mark.filterwarnings("ignore:.*the context is")
def test_a_shorter_context_is_named() -> None:
    record = trial.attempt("llama, longrope")
    assert record.outcome == outcome.WITHIN
    assert record.reason == "the context is `original_max_position_embeddings`"
    assert record.group == outcome.VARIANT


def test_the_reason_of_a_refusal_stands_in_the_record() -> None:
    record = trial.attempt("deepseek_v4")
    assert record.outcome == outcome.REFUSED
    assert "compressed_attention" in record.reason
    assert record.batch.endswith("of 12")


class Counting(LlamaForCausalLM):  # type: ignore[misc]
    """A Llama that takes positions from the length of its cache."""

    @wraps(LlamaForCausalLM.forward)
    def forward(self, position_ids: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        return super().forward(**kwargs)


class Shifted(LlamaForCausalLM):  # type: ignore[misc]
    """A Llama that gives all rows the longest's position, in texts longer than the probe's."""

    @wraps(LlamaForCausalLM.forward)
    def forward(self, position_ids: Any = None, **kwargs: Any) -> Any:
        if position_ids is not None and position_ids.max() > 12:
            position_ids = position_ids.amax(0, keepdim=True).expand_as(position_ids)
        return super().forward(position_ids=position_ids, **kwargs)


def disturbed(model_class: type) -> Any:
    """Returns a tiny Llama of `model_class`."""
    model = build(tiny_config("llama"))
    model.__class__ = model_class
    return model


def test_a_wrong_model_is_recorded_as_wrong() -> None:
    record = trial.judge("shifted", disturbed(Shifted))
    assert record.outcome == outcome.WRONG
    assert record.reason.endswith("of 12 texts differ")


def test_a_refused_model_of_full_attention_is_recorded() -> None:
    assert trial.judge("counting", disturbed(Counting)).outcome == outcome.FULL


def test_another_exception_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("0x7f00 in /tmp/somewhere/file.py")

    monkeypatch.setattr(trial, "LLM", fail)
    record = trial.judge("llama", build(tiny_config("llama")))
    assert record.outcome == outcome.ERROR
    assert record.reason == "KeyError: '0x… in file.py'"


def test_a_trial_that_dies_spoils_only_its_row() -> None:
    dead, alive = pool.try_all(["no such model", "llama"])
    assert (dead.outcome, dead.reason) == (outcome.ERROR, "its process ended")
    assert alive.outcome == outcome.EXACT


NEW = Run(
    "5.24.0",
    "2.15.0",
    "2026-11-28",
    (
        Record("a", "A", outcome.EXACT, attention="own"),
        Record("b", "B", outcome.REFUSED, "has x|y", "3 of 12"),
    ),
)
OLD = Run(
    "5.9.1",
    "2.11.0",
    "2026-11-27",
    (Record("b", "B", outcome.WRONG, "1 of 12 texts differ"), Record("c", "C", outcome.EXACT)),
)


def test_records_survive_their_file(tmp_path: Path) -> None:
    for run in (OLD, NEW):
        write(run, tmp_path / f"{run.transformers}.tsv")
    assert read_all(tmp_path) == [NEW, OLD]
    (tmp_path / "bad.tsv").write_text("model\n\n")
    with pytest.raises(ValueError, match="must begin with a line of versions, got 'model'"):
        read(tmp_path / "bad.tsv")


def test_the_page_holds_every_row_and_what_differs() -> None:
    page = render([NEW, OLD])
    assert "| `a` | `A` | exact | own |  |  |" in page
    assert "| `b` | `B` | refused |  | has x\\|y | 3 of 12 |" in page
    assert "| own | 1 | " in page
    assert "| `b` | wrong: 1 of 12 texts differ | refused: has x\\|y |" in page
    assert "Only 5.24.0 has `a`." in page
    assert "Only 5.9.1 has `c`." in page
    assert "| exact | 1 | 1 |" in page
    assert "Transformers 5.24.0: 1 exact, 1 refused." in page


def test_the_committed_page_is_that_of_the_committed_records() -> None:
    runs = read_all(command.FOLDER)
    assert command.PAGE.read_text() == render(runs)
    assert not [record for run in runs for record in run.records if record.outcome == outcome.WRONG]


def test_a_difference_is_found_by_model_type() -> None:
    changed = Record("b", "B", outcome.EXACT)
    assert differences(NEW.records, [changed]) == [(NEW.records[1], changed)]
    assert not differences(NEW.records, NEW.records)


def test_check_prints_what_differs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.tsv"
    monkeypatch.setattr(command, "records_file", lambda: path)
    monkeypatch.setattr(command, "try_all", lambda _: [Record("b", "B", outcome.WRONG, "why")])
    assert command.main(["--check"]) == 0
    assert "skipped" in capsys.readouterr().out
    write(NEW, path)
    assert command.main(["--check", "b"]) == 1
    assert "b: the page says refused (has x|y) [3 of 12], and now wrong (why)" in (
        capsys.readouterr().out
    )

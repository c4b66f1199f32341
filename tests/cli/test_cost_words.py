"""What ``multibin simulate`` says of its costs first, and ``--hardware``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import multibin as mb
from multibin.cli import main
from multibin.cli._cost_words import cost_words, costs_given
from multibin.cli._costs import add_costs, costs
from multibin.costs import hardware


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_costs(parser)
    return parser.parse_args(words)


def test_no_costs_are_said_to_be_none() -> None:
    words = cost_words(options(), mean_prompt=3999.6)
    assert words.startswith(
        "No costs were given: a batch is taken to last 0.05 s and 0.02 s a step, whatever its"
        " prompts and rows; prompts (their mean is 4,000 tokens) and wider batches are free here."
    )
    assert not costs_given(options())
    assert "their mean" not in cost_words(options())


def test_some_costs_say_what_is_taken_beside_them() -> None:
    words = cost_words(options("--prompt-token=1e-4"), mean_prompt=4000)
    assert words == (
        "Costs given: 0.0001 s a prompt token. Not given, and taken to be 0.05 s a batch, 0.02 s a"
        " step. Wider batches are free here."
    )


def test_free_prompts_are_said_where_they_are_long() -> None:
    given = options("--fixed=0", "--step=0.01", "--row-step=1e-3")
    free = "Prompts are free here, and their mean is 4,000 tokens."
    assert cost_words(given, mean_prompt=4000) == (
        f"Costs given: 0 s a batch, 0.01 s a step, 0.001 s a row and step. {free}"
    )
    assert "free" not in cost_words(given, mean_prompt=7)
    assert "free" not in cost_words(given)


def test_hardware_says_its_inputs() -> None:
    words = cost_words(options("--hardware=h100-8b"), mean_prompt=4000)
    description = hardware("H100-8B").description
    assert words == f"Costs are computed for H100-8B: {description}."


def test_moved_rows_are_added_to_hardware_and_else_said_to_be_free() -> None:
    given, free = options("--hardware=h100-8b", "--moved-row=5e-5"), options("--hardware=h100-8b")
    assert costs(given) == replace(hardware("H100-8B").costs, moved_row=5e-5)
    assert cost_words(given, climbing=True).endswith("; a moved row takes 5e-05 s.")
    assert cost_words(free, climbing=True).endswith(". Moved rows are free here (--moved-row).")
    assert "Moved" not in cost_words(free)
    assert ", wider batches and moved rows are free" in cost_words(options(), climbing=True)


def test_simulate_says_that_moves_are_free_where_rows_move(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for policy in ("fifo", "climb"):
        assert main(["simulate", "trace.csv", "--hardware=A100-8B", f"--policy={policy}"]) == 0
        assert ("Moved rows are free" in capsys.readouterr().out) == (policy == "climb")


def test_a_file_says_its_name_and_origin(tmp_path: Path) -> None:
    path = tmp_path / "costs.json"
    mb.CostModel(step=0.02).save(path, about={"fitted to": "bench.json"})
    words = cost_words(options(f"--costs={path}"), mean_prompt=4000)
    assert words.startswith(f"Costs are those of {path}, fitted to bench.json: 0.02 s per step")
    assert words.endswith("their mean is 4,000 tokens. Wider batches are free here.")


def test_a_table_with_prefill_is_free_of_warnings(tmp_path: Path) -> None:
    path, one = tmp_path / "table.json", np.array([[0.02]])
    axes = np.array([1]), np.array([0])
    mb.CostTable(*axes, step=one, prefill=one, move=one).save(path)
    assert "free" not in cost_words(options(f"--costs={path}"), mean_prompt=4000)
    mb.CostTable(*axes, step=one, prefill=0 * one, move=one).save(path)
    assert "Prompts are free" in cost_words(options(f"--costs={path}"), mean_prompt=4000)


def test_simulate_says_it_before_its_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "trace.csv", "--hardware=A100-8B", "--policy=fifo"]) == 0
    read, words, _ = capsys.readouterr().out.split("\n\n", 2)
    assert read.startswith("trace.csv: ")
    assert words.startswith("Costs are computed for A100-8B: Llama 3.1 8B")


def test_simulate_plays_the_hardware(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "trace.csv", "--hardware=A100-8B", "--policy=fifo", "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["costs"] == hardware("A100-8B").costs.data
    assert found["costs"]["given"] is True
    assert main([*arguments, "--completes=batch"]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert settings["costs"]["completes"] == "batch"


def test_json_says_that_none_were_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "trace.csv", "--policy=fifo", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["costs"]
    assert found["given"] is False
    assert "prompts (their mean is 9 tokens)" in found["words"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hardware=H100-70B"], "H100-70B does not fit: it needs 141.1 GB of weights"),
        (["--hardware=M1-8B"], "hardware must be a GPU (A100, H100, H200) and a model"),
        (
            ["--hardware=H100-8B", "--step=0.1"],
            "step must be left out with hardware = H100-8B, got 0.1",
        ),
        (
            ["--hardware=H100-8B", "--costs=a.json"],
            "costs must be left out with hardware = H100-8B, got 'a.json'",
        ),
    ],
)
def test_bad_hardware_ends_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    refused(["simulate", "trace.csv", *arguments], message)

"""``multibin plan``: what it chooses for loads whose answer is known, and what it says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import multibin as mb
from multibin.cli import main
from multibin.lab.compare import Settings
from multibin.lab.plan import Estimate, Objective, Question
from multibin.lab.theory import expected_max
from multibin.lab.traces import read

FEW = ["trace.csv", "--requests=20000", "--max-batch-size=8"]
BATCHES = ["--no-climbing", "--no-continuous"]
"""Nothing but batches that run to their end."""


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    assert main(["plan", *FEW, "--json", *arguments]) == status
    return dict(json.loads(capsys.readouterr().out))


def names(found: dict[str, Any]) -> list[str]:
    return [row["policy"] for row in found["policies"]]


def fifo_saturation() -> float:
    """Requests per second of batches of 8."""
    return 8 / (0.05 + 0.02 * expected_max(read("trace.csv").output_tokens, 8))


def test_one_bin_is_enough_for_a_low_load(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--rate=0.3", *BATCHES)
    assert found["chosen"]["policy"] == "fifo"
    assert found["advice"].startswith("One bin is enough")
    assert found["chosen"]["headroom"] > 5


def test_elastic_bins_beyond_what_one_bin_sustains(capsys: pytest.CaptureFixture[str]) -> None:
    rate = 1.3 * fifo_saturation()
    found = parsed(capsys, f"--rate={rate}", *BATCHES)
    chosen, fifo = found["chosen"], found["policies"][0]
    assert chosen["policy"] == "elastic"
    assert chosen["bins"] > 1
    assert chosen["saturation"] == pytest.approx(chosen["headroom"] * rate)
    assert chosen["headroom"] > 1
    assert fifo["steady"] is False
    assert fifo["saturation"] == pytest.approx(fifo_saturation(), rel=0.05)
    assert found["advice"].startswith("Binning pays: one bin sustains only ")


def test_useless_predictions_need_one_bin(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--rate=1", "--shuffled", *BATCHES)
    assert found["chosen"]["policy"] == "fifo"
    assert "gain 1.0" in found["advice"]
    assert "less than 1.10" in found["advice"]
    gains = [row["gain_in_full_batches"] for row in found["policies"] if row["bins"] > 1]
    assert gains
    assert max(gains) < 1.1


def test_useless_predictions_beyond_one_bin(capsys: pytest.CaptureFixture[str]) -> None:
    rate = 1.3 * fifo_saturation()
    found = parsed(capsys, f"--rate={rate}", "--shuffled", *BATCHES, status=1)
    assert found["chosen"]["policy"] == "fifo"
    assert found["advice"].startswith("Nothing sustains ")
    assert found["highest"]["saturation"] == pytest.approx(fifo_saturation(), rel=0.05)


def test_without_predictor_requests_climb(capsys: pytest.CaptureFixture[str]) -> None:
    rate = 1.3 * fifo_saturation()
    found = parsed(capsys, f"--rate={rate}", "--no-predictor", "--no-continuous", "--max-parked=16")
    assert names(found) == ["fifo", "climb"]
    assert found["chosen"]["policy"] == "climb"
    assert found["chosen"]["max_parked"] == 16
    assert found["advice"].startswith("Climbing pays: one bin sustains only ")


def test_continuous_batching_is_named_where_it_is_better(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = parsed(capsys, "--rate=1")
    assert names(found) == ["fifo", "strict", "elastic", "climb", "climb-predicted", "continuous"]
    assert found["chosen"]["policy"] != "continuous"
    assert (
        "; continuous batching is better still, if the back-end supports it: a mean of "
        in found["advice"]
    )
    continuous, rate = found["policies"][-1], 0.97 * found["policies"][-1]["saturation"]
    assert continuous["latency"]["mean"] < found["chosen"]["latency"]["mean"]
    only = parsed(capsys, f"--rate={rate}", "--no-predictor", "--no-climbing")
    assert only["chosen"]["policy"] == "continuous"
    assert only["advice"].startswith("Only continuous batching meets the objective")


def test_the_highest_rate_within_the_p99(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--slo-p99=12", "--cv=1", *BATCHES)
    rates = {row["policy"]: row["rate"] for row in found["policies"]}
    assert found["chosen"]["rate"] == max(rates.values()) > 1.03 * rates["fifo"]
    assert all(row["latency"]["p99"] <= 12 for row in found["policies"] if row["meets"])
    at = parsed(capsys, "--slo-p99=12", f"--rate={0.97 * rates['elastic']}", *BATCHES)
    assert at["chosen"]["latency"]["p99"] <= 12
    assert at["meets"] is True


@pytest.mark.parametrize("rate", [[], ["--rate=1"]])
def test_nothing_meets_an_impossible_p99(
    rate: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *FEW, "--bins=1,4", "--slo-p99=0.01", *rate]) == 1
    out = capsys.readouterr().out
    assert "\nno plan does this; the nearest, whose p99 is " in out
    text = " ".join(out.split())
    last = text[text.index("Nothing meets p99 ≤ 0.01 s ") :]
    assert ") has a p99 of " in last
    assert last.endswith("no lower rate would do." if rate else " s.")


def test_nothing_meets_it_at_this_rate(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--slo-p99=6", "--rate=2.2", "--bins=4,8", *BATCHES, status=1)
    highest = found["highest"]
    assert found["meets"] is False
    assert highest["meets"] is True
    assert highest["rate"] < 2.2
    rate = Estimate(highest["rate"], *highest["intervals"]["rate"])
    assert rate.half_width is not None
    assert f"the highest rate that would do is {rate} requests/s" in found["advice"]


@pytest.mark.parametrize("budget", [200, 800])
def test_what_fits_into_no_cache_has_no_highest_rate(
    budget: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.csv"
    rows = [f"{i / 2},200,{5 + i * 37 % 90}\n" for i in range(300)]
    path.write_text("timestamp,prompt_tokens,output_tokens\n" + "".join(rows))
    room = [f"--kv-budget={budget}", "--kv-bytes-per-token=1"]
    assert main(["plan", str(path), "--quick", "--bins=1,2", "--json", *room]) == 1
    found = json.loads(capsys.readouterr().out)
    assert "Nothing fits into the KV cache at 2 requests/s" in found["advice"]
    highest = found["highest"]
    assert (highest is None) == (budget == 200), "each request needs more than 200 tokens"
    if highest is None:
        assert "no lower rate would do" in found["advice"]
    else:
        assert highest["rate"] < 2
        assert highest["resident_tokens"] <= budget


def test_the_text_has_a_line_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--rate=2",
        "--batch-sizes=4,8",
        "--no-continuous",
        "--servers=2",
        "--kv-token=1e-5",
    ]
    assert main(["plan", "trace.csv", "--requests=5000", *arguments]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("plan: "))
    scheduler = eval(lines[at + 1], {"mb": mb})
    assert isinstance(scheduler, mb.Scheduler)
    assert "2 servers; a batch takes 0.05 s + 0.02 s per step of the longest run + 1e-05 s" in (
        captured.out
    )
    assert sum(line.startswith("> ") for line in lines) == 2  # Once in each table.
    assert captured.err == ""


def test_every_line_of_python_is_what_was_played(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--rate=1.2", "--bins=1,4", "--max-batch-size=4", "--max-parked=9")
    for row in found["policies"]:
        former = eval(row["python"], {"mb": mb})
        if row["policy"] != "continuous":
            assert former.edges == mb.Edges(row["edges"])
            assert ("max_wait" in row["python"]) == (row["max_wait"] is not None)
            assert ("max_parked=9" in row["python"]) == row["policy"].startswith("climb")


def test_a_seed_says_everything(capsys: pytest.CaptureFixture[str]) -> None:
    same = ["--rate=1", "--sigma=0.5", "--cv=2", "--bins=4", "--seed=5"]
    assert parsed(capsys, *same) == parsed(capsys, *same)


def test_the_own_rate_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    found = parsed(capsys, "--bins=2", *BATCHES)
    assert found["objective"]["rate"] == pytest.approx(read("trace.csv").rate)
    assert found["objective"]["slo_p99"] is None
    assert found["load"]["arrivals"] == "own"
    assert found["load"]["speed"] == 1.0


@pytest.mark.parametrize("name", ["out.png", "out.svg"])
def test_the_picture(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs the extra `plot`")
    parsed(capsys, "--rate=1", "--slo-p99=60", "--bins=4", f"--plot={name}")
    assert Path(name).read_bytes()[:5] in (b"\x89PNG\r", b"<?xml")


def test_an_objective_needs_something() -> None:
    with pytest.raises(ValueError, match="rate or a bound such as slo_p99 must be given"):
        Objective(None, None)
    with pytest.raises(ValueError, match=r"batch_sizes must be one number or more, got \(\)"):
        Question(Settings("trace.csv"), Objective(1.0, None), batch_sizes=())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "cannot read the trace nowhere.csv"),
        (
            ["plain.csv"],
            "rate or a bound such as slo_p99 must be given, as plain.csv has no times among its"
            " columns",
        ),
        (["trace.csv", "--rate=0"], "rate must be between 1e-06 and 1e+09, got 0"),
        (["trace.csv", "--rate=nan"], "rate must be finite, got nan"),
        (["trace.csv", "--slo-p99=0"], "slo_p99 must be between 1e-09 and 1e+09, got 0"),
        (["trace.csv", "--slo-p99=nan"], "slo_p99 must be finite, got nan"),
        (["trace.csv", "--requests=9"], "requests must be between 1000 and 100000000, got 9"),
        (
            ["trace.csv", "--requests=999999999"],
            "requests must be between 1000 and 100000000, got 999999999",
        ),
        (["trace.csv", "--cv=-1"], "cv must be between 0.01 and 100, got -1"),
        (["trace.csv", "--bins=0"], "bins must be between 1 and 4096, got 0"),
        (["trace.csv", "--bins=4,,8"], "bins must be integers with commas between, got '4,,8'"),
        (["trace.csv", "--bins="], "bins must be integers with commas between, got ''"),
        (
            ["trace.csv", "--batch-sizes=8,-1"],
            "batch_sizes must be at least 1, got -1",
        ),
        (
            ["trace.csv", "--batch-sizes=x"],
            "batch_sizes must be integers with commas between, got 'x'",
        ),
        (
            ["trace.csv", "--max-batch-size=0"],
            "max_batch_size must be at least 1, got 0",
        ),
        (
            ["trace.csv", "--max-batch-size=8", "--batch-sizes=8"],
            "max_batch_size must be left out with batch_sizes, got 8",
        ),
        (["trace.csv", "--servers=0"], "servers must be between 1 and 100000, got 0"),
        (["trace.csv", "--max-parked=0"], "max_parked must be at least 1, got 0"),
        (["trace.csv", "--seed=-1"], "seed must be at least 0, got -1"),
        (["trace.csv", "--sigma=-0.5"], "sigma must be between 0 and 100, got -0.5"),
        (
            ["trace.csv", "--sigma=1", "--shuffled"],
            "shuffled must be left out with sigma = 1, got True",
        ),
        (
            ["trace.csv", "--sigma=0", "--no-predictor"],
            "sigma must be left out without a predictor, got 0",
        ),
        (
            ["trace.csv", "--shuffled", "--no-predictor"],
            "shuffled must be left out without a predictor, got True",
        ),
        (["trace.csv", "--overhead=-1"], "overhead must be between 0 and 1e+09, got -1"),
        (
            ["trace.csv", "--fixed=0", "--step=0"],
            "the sum of the costs must be at least 1e-09 s, got 0",
        ),
        (["trace.csv", "--plot=x.gif"], "plot must be a name in .png, .pdf, .svg, got 'x.gif'"),
    ],
)
def test_bad_arguments_end_in_one_line(
    arguments: list[str], message: str, refused: Callable[[list[str], str], None]
) -> None:
    Path("plain.csv").write_text("prompt_tokens,output_tokens\n3,4\n5,6\n")
    refused(["plan", *arguments], message)


def test_a_file_without_times_has_a_highest_rate(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.csv").write_text("prompt_tokens,output_tokens\n3,4\n5,60\n")
    arguments = ["plain.csv", "--requests=2000", "--slo-p99=20", "--bins=2", "--max-batch-size=4"]
    assert main(["plan", *arguments]) == 0
    assert "wanted: the highest rate with p99 ≤ 20 s" in capsys.readouterr().out

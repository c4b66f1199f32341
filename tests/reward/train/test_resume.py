"""A run that continues equals one that never ended, bit by bit."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.reward.train import small

from multibin.reward.train import History, LoRA, train
from multibin.reward.train._frozen import frozen_digest

SETTINGS: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 2,
    "accumulate": 2,
    "lr": 1e-3,
    "evaluate_every": 3,
    "use_tqdm": False,
}


def run(model: Any, **changed: Any) -> History:
    """Trains on all examples but two, which are the validation."""
    examples, validation = small.EXAMPLES[:6], small.EXAMPLES[6:]
    return train(model, small.TOKENIZER, examples, validation=validation, **SETTINGS | changed)


def weights(model: Any) -> dict[str, torch.Tensor]:
    """Returns all weights, those of adapters too."""
    return dict(model.named_parameters())


def assert_equal(found: Any, expected: Any) -> None:
    """Asserts that two models have the same weights, bit by bit."""
    ours, theirs = weights(found), weights(expected)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class Interrupted:
    """A model whose forward pass does something once, at a given pass."""

    def __init__(self, model: Any, at: int, action: Any) -> None:
        self.left, self.action = at, action
        model.register_forward_pre_hook(self.hook)

    def hook(self, *_: Any) -> None:
        """Counts the passes down."""
        self.left -= 1
        if self.left == 0:
            self.action()


def crash() -> None:
    """Ends a run in the middle of a step."""
    raise RuntimeError("crash")


def ctrl_c() -> None:
    """Sends the signal of Ctrl-C to this process."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("lora", [None, LoRA(rank=2, dropout=0.3)])
@pytest.mark.parametrize("passes", [1, 5, 9, 14])
def test_a_crashed_run_continues_exactly(tmp_path: Path, lora: LoRA | None, passes: int) -> None:
    whole = small.llama(dropout=0.2)
    expected = run(whole, lora=lora)
    broken = small.llama(dropout=0.2)
    Interrupted(broken, passes, crash)
    with pytest.raises(RuntimeError, match="crash"):
        run(broken, lora=lora, folder=tmp_path)

    torch.manual_seed(passes)
    again = small.llama(dropout=0.2)
    assert run(again, lora=lora, folder=tmp_path) == expected
    assert_equal(again, whole)


@pytest.mark.skipif(os.name == "nt", reason="os.kill ends the process on Windows")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_a_checkpoint_of_the_step_it_hit(tmp_path: Path) -> None:
    whole = small.llama(dropout=0.2)
    expected = run(whole)
    model = small.llama(dropout=0.2)
    Interrupted(model, 2, ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(model, folder=tmp_path)
    left = History.from_json((tmp_path / "history.json").read_text())
    assert left.losses == expected.losses[:1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    # The same object continues as well as a new one.
    assert run(model, folder=tmp_path) == expected
    assert_equal(model, whole)


@pytest.mark.parametrize("passes", [2, 9])
def test_gradients_of_a_broken_step_do_not_count(tmp_path: Path, passes: int) -> None:
    whole = small.llama()
    expected = run(whole)
    model = small.llama()
    Interrupted(model, passes, crash)
    with pytest.raises(RuntimeError, match="crash"):
        run(model, folder=tmp_path)
    assert any(each.grad is not None for each in model.parameters())
    assert run(model, folder=tmp_path) == expected
    assert_equal(model, whole)


def test_a_finished_run_gives_its_result_again(tmp_path: Path) -> None:
    first = small.llama()
    expected = run(first, folder=tmp_path, patience=1, lr=0.1)
    again = small.llama()
    assert run(again, folder=tmp_path, patience=1, lr=0.1) == expected
    assert_equal(again, first)


def test_the_seed_decides_whatever_the_callers_generator_is_at() -> None:
    models = [small.llama(dropout=0.2) for _ in range(3)]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = run(models[0])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert run(models[1]) == first
    assert_equal(models[1], models[0])
    assert run(models[2], seed=1) != first


@pytest.mark.parametrize("changed", [{"lr": 1e-2}, {"seed": 3}, {"batch_size": 1}])
def test_a_folder_of_another_run_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    run(small.llama(), folder=tmp_path)
    with pytest.raises(ValueError, match=f"folder must be .* differs in {next(iter(changed))}"):
        run(small.llama(), folder=tmp_path, **changed)


def test_a_folder_of_other_data_or_of_another_model_is_refused(tmp_path: Path) -> None:
    run(small.llama(), folder=tmp_path)
    with pytest.raises(ValueError, match="differs in examples, got"):
        train(
            small.llama(),
            small.TOKENIZER,
            small.EXAMPLES[:5],
            validation=small.EXAMPLES[6:],
            folder=tmp_path,
            **SETTINGS,
        )
    with pytest.raises(ValueError, match="differs in model, got"):
        run(small.gpt2(), folder=tmp_path)


def test_adapters_on_other_weights_are_refused(tmp_path: Path) -> None:
    lora = LoRA(rank=2)
    run(small.llama(), lora=lora, folder=tmp_path)
    # Of the same shapes: nothing but the values of frozen weights tells the two apart.
    with pytest.raises(ValueError, match="differs in frozen weights, got"):
        run(small.llama(seed=1), lora=lora, folder=tmp_path)
    one_bit = small.llama()
    weight = one_bit.model.layers[1].mlp.up_proj.weight
    with torch.no_grad():
        weight[7, 5] = torch.nextafter(weight[7, 5], weight.new_tensor(9))
    with pytest.raises(ValueError, match="differs in frozen weights, got"):
        run(one_bit, lora=lora, folder=tmp_path)


def test_all_weights_come_from_the_checkpoint_where_all_are_trained(tmp_path: Path) -> None:
    first = small.llama()
    expected = run(first, folder=tmp_path)
    other = small.llama(seed=1)
    assert run(other, folder=tmp_path) == expected
    assert_equal(other, first)


def test_a_weight_that_the_caller_froze_counts(tmp_path: Path) -> None:
    models = [small.llama(), small.llama(), small.llama(seed=1)]
    for model in models:
        model.model.embed_tokens.weight.requires_grad_(requires_grad=False)
    expected = run(models[0], folder=tmp_path)
    assert run(models[1], folder=tmp_path) == expected
    with pytest.raises(ValueError, match="differs in frozen weights, got"):
        run(models[2], folder=tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8, torch.complex64])
def test_the_digest_is_of_the_values_and_their_order(dtype: torch.dtype) -> None:
    def digest(values: torch.Tensor) -> str:
        module = torch.nn.Module()
        module.register_buffer("values", values)
        return frozen_digest(module)

    values = torch.arange(100 * 100).reshape(100, 100).remainder(97).to(dtype)
    assert digest(values) == digest(values.clone())
    assert digest(values) == digest(values.T.contiguous().T)
    assert digest(values.T) != digest(values)
    assert digest(values[:0]) != digest(values[:1])
    assert digest(values[:0]) == digest(values[:0].clone())
    changed = values.clone()
    changed[-1, -2] += 1
    assert digest(changed) != digest(values)
    # Views that begin or end within a word of 8 bytes.
    flat = values.reshape(-1)
    assert digest(flat[3:50]) == digest(flat[3:50].clone())
    assert digest(flat[3:50]) != digest(torch.cat([flat[3:49], flat[:1] + 5]))
    assert digest(torch.ones((), dtype=dtype)) != digest(torch.zeros((), dtype=dtype))


def test_a_damaged_checkpoint_and_a_file_as_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "training.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match=r"training\.pt must be a checkpoint"):
        run(small.llama(), folder=tmp_path)
    (tmp_path / "training.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a checkpoint of training: the file is empty$"):
        run(small.llama(), folder=tmp_path)
    torch.save({"weights": {}}, tmp_path / "training.pt")
    with pytest.raises(ValueError, match=r"a checkpoint of training: it lacks 'identity'$"):
        run(small.llama(), folder=tmp_path)
    with pytest.raises(ValueError, match="folder must be a folder"):
        run(small.llama(), folder=tmp_path / "training.pt")


def test_the_history_is_beside_the_checkpoint(tmp_path: Path) -> None:
    history = run(small.llama(), folder=tmp_path)
    assert History.from_dict(json.loads((tmp_path / "history.json").read_text())) == history

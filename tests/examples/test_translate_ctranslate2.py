"""CTranslate2 translates a source in a batch as it translates that source alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]


@pytest.fixture(scope="module")
def translate_ctranslate2(example: Load) -> Any:
    """The example."""
    return example("translate_ctranslate2", "ctranslate2")


def test_translations_are_those_of_each_source_alone(
    translate_ctranslate2: Any, example: Load, tmp_path: Path
) -> None:
    translator = translate_ctranslate2.Translator(translate_ctranslate2.save_random_model(tmp_path))
    texts = example("small").texts(64, median=12, high=64, seed=4)
    sources = [[*text.split(), "</s>"] for text in texts]
    with closing(translator):
        targets = [*translator.translate.map(sources)]
    options = {"beam_size": 1, "max_decoding_length": 32}
    for source, target in zip(sources, targets, strict=True):
        [alone] = translator.model.translate_batch([source], **options)
        assert target == alone.hypotheses[0]
    assert len({tuple(target) for target in targets}) > 16


def test_it_runs_as_a_program(
    translate_ctranslate2: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["translate_ctranslate2"])
    translate_ctranslate2.main()
    assert len(capsys.readouterr().out.splitlines()) == 4

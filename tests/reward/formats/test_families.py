"""Each family writes the text that its models were trained on, and reads where they are read."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.reward.formats import vocabularies

from multibin.reward import _formats as formats
from multibin.reward._formats import columns, encode, format_of

QUESTION, STEPS = "What is 1 + 1 ?", ["It is 2 .", "So the answer is 2 ."]


@pytest.fixture(scope="module")
def llama() -> Any:
    return vocabularies.byte_level()


@pytest.fixture(scope="module")
def qwen() -> Any:
    return vocabularies.byte_level(bos=False, template=vocabularies.QWEN)


@pytest.fixture(scope="module", params=[False, True], ids=["parted", "crossing"])
def mistral(request: pytest.FixtureRequest) -> Any:
    return vocabularies.sentencepiece(crosses=request.param)


def test_versaprm_cleans_marks_of_the_user(llama: Any) -> None:
    clean = encode(format_of("versaprm"), llama, QUESTION, STEPS)
    marked = [f" {STEPS[0]} \n\n\n\n", f"{STEPS[1]}\n"]
    assert encode(format_of("versaprm"), llama, f"\n{QUESTION} \n\n\n\n", marked) == clean


def test_math_shepherd(mistral: Any) -> None:
    encoded = encode(format_of("math-shepherd"), mistral, QUESTION, STEPS)
    text = f"{QUESTION} Step 1: {STEPS[0]} ки\nStep 2: {STEPS[1]} ки"
    assert mistral.decode(encoded.ids[1:]).strip() == text
    places = [at for at, token in enumerate(encoded.ids) if mistral.decode([token]).strip() == "ки"]
    assert encoded.ends == places
    if "▁ки\nStep" not in mistral.get_vocab():
        assert encoded.ids == mistral.encode(text)
    assert mistral.convert_ids_to_tokens(columns(format_of("math-shepherd"), mistral)) == [
        "▁-",
        "▁+",
    ]


def test_numbers_of_steps_are_written_once(llama: Any) -> None:
    numbered = [f"Step {number}: {step}" for number, step in enumerate(STEPS, 1)]
    form = format_of("math-shepherd")
    assert encode(form, llama, QUESTION, numbered) == encode(form, llama, QUESTION, STEPS)
    bare = formats.math_shepherd(numbered=False)
    assert llama.decode(encode(bare, llama, QUESTION, STEPS).ids[1:]) == (
        f"{QUESTION} {STEPS[0]} ки\n{STEPS[1]} ки"
    )


def test_math_psa(qwen: Any) -> None:
    encoded = encode(format_of("math-psa"), qwen, QUESTION, STEPS)
    mark = " \n\n\n\n\n"
    text = f"{QUESTION} Step 1: {STEPS[0]}{mark} Step 2: {STEPS[1]}{mark}"
    assert encoded.ids == qwen.encode(text)
    assert qwen.decode(encoded.ids[: encoded.ends[0] + 1]) == text.partition(" Step 2")[0]
    assert qwen.convert_ids_to_tokens(columns(format_of("math-psa"), qwen)) == ["Ġ-", "Ġ+"]


@pytest.mark.parametrize("system", ["Please think.", None])
def test_qwen_prm(qwen: Any, system: str | None) -> None:
    encoded = encode(formats.qwen_prm(system), qwen, QUESTION, STEPS)
    messages = [
        *([{"role": "system", "content": system}] if system else []),
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "".join(f"{step}<extra_0>" for step in STEPS)},
    ]
    whole = qwen.encode(qwen.apply_chat_template(messages, tokenize=False))
    separator = qwen.convert_tokens_to_ids("<extra_0>")
    assert encoded.ids == whole[: len(encoded.ids)]
    assert encoded.ends == [at for at, token in enumerate(whole) if token == separator]


def conversation(steps: list[str]) -> list[dict[str, str]]:
    texts = [f"{QUESTION} {steps[0]}", *steps[1:]]
    return [
        message
        for text in texts
        for message in ({"role": "user", "content": text}, {"role": "assistant", "content": "+"})
    ]


@pytest.mark.parametrize("name", ["llama", "qwen", "mistral"])
def test_rlhflow_reads_each_step_as_one_pass_a_step_does(
    name: str, request: pytest.FixtureRequest
) -> None:
    tokenizer = vocabularies.sentencepiece() if name == "mistral" else request.getfixturevalue(name)
    encoded = encode(format_of("rlhflow"), tokenizer, QUESTION, STEPS)
    for count, end in enumerate(encoded.ends, 1):
        text = tokenizer.apply_chat_template(conversation(STEPS[:count]), tokenize=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
        labels = [at for at, token in enumerate(ids) if tokenizer.decode([token]).strip() == "+"]
        assert end == labels[-1] - 1
        assert encoded.ids[: end + 1] == ids[: end + 1]


def test_rlhflow_variants(llama: Any) -> None:
    assert format_of("rlhflow-mistral").name == "rlhflow-mistral"
    assert formats.split(format_of("rlhflow-mistral"), "1 ки\n2 ки\n") == ["1 ", "2 "]
    orm = encode(format_of("rlhflow-orm"), llama, QUESTION, ["\n\n".join(STEPS)])
    text = llama.apply_chat_template(conversation(["\n\n".join(STEPS)]), tokenize=False)
    ids = llama.encode(text, add_special_tokens=False)
    assert orm.ids == ids[: len(ids) - 2]
    assert orm.ends == [len(ids) - 3]


def test_templates_that_trim_contents_get_trimmed_texts(llama: Any) -> None:
    spaced = encode(format_of("qwen-prm"), llama, f" {QUESTION}\n", STEPS)
    assert spaced == encode(format_of("qwen-prm"), llama, QUESTION, STEPS)


@pytest.mark.parametrize("name", ["trl", "skywork"])
def test_pieces_are_encoded_alone(llama: Any, name: str) -> None:
    encoded = encode(format_of(name), llama, QUESTION, STEPS)
    ids, ends = [llama.bos_token_id], []
    question = QUESTION + ("\n" if name == "skywork" else "")
    ids += llama.encode(question, add_special_tokens=False)
    for step in STEPS:
        ids += llama.encode(step, add_special_tokens=False)
        ids += llama.encode("\n", add_special_tokens=False)
        ends.append(len(ids) - 1)
    assert (encoded.ids, encoded.ends) == (ids, ends)
    assert ids != llama.encode(llama.decode(ids[1:]))


def test_trl_with_its_own_separator(qwen: Any) -> None:
    encoded = encode(formats.trl("\n\n"), qwen, QUESTION, STEPS)
    assert qwen.decode(encoded.ids) == f"{QUESTION}{STEPS[0]}\n\n{STEPS[1]}\n\n"


def test_outcome_reads_the_last_token_of_a_chat(llama: Any) -> None:
    encoded = encode(format_of("outcome"), llama, QUESTION, ["It is 2 ."])
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "It is 2 ."},
    ]
    text = llama.apply_chat_template(messages, tokenize=False)
    assert encoded.ids == llama.encode(text, add_special_tokens=False)
    assert encoded.ends == [len(encoded.ids) - 1]


def test_outcome_joins_a_pair_as_the_tokenizer_does() -> None:
    tokenizer = vocabularies.bert()
    encoded = encode(format_of("outcome"), tokenizer, QUESTION, ["It is 2 ."])
    found = tokenizer(QUESTION, "It is 2 .")
    assert encoded.ids == found["input_ids"]
    assert encoded.types == found["token_type_ids"]
    assert encoded.types is not None
    assert set(encoded.types) == {0, 1}


def test_outcome_scores() -> None:
    logits = torch.tensor([[2.0], [-1.0]])
    assert formats.outcome().score(logits).tolist() == [2.0, -1.0]
    assert torch.equal(formats.outcome(sigmoid=True).score(logits), torch.sigmoid(logits[:, 0]))


@pytest.mark.parametrize("chat", [False, True])
def test_verdict_is_read_at_the_last_token(llama: Any, chat: bool) -> None:
    form = formats.verdict("{answer}\nis the answer to {question}?", chat=chat)
    encoded = encode(form, llama, QUESTION, ["2"])
    text = f"2\nis the answer to {QUESTION}?"
    if chat:
        text = llama.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
    assert encoded.ids == llama.encode(text, add_special_tokens=not chat)
    assert encoded.ends == [len(encoded.ids) - 1]
    tokens = llama.convert_ids_to_tokens(columns(form, llama))
    assert tokens == (["No", "Yes"] if chat else ["ĠNo", "ĠYes"])


def test_verdict_scores() -> None:
    logits = torch.tensor([[1.0, 3.0]])
    assert formats.verdict(logit=True).score(logits).tolist() == [2.0]
    assert torch.allclose(formats.verdict().score(logits), torch.sigmoid(torch.tensor([2.0])))


def test_labels_of_sentencepiece_may_begin_with_a_space(mistral: Any) -> None:
    assert mistral.convert_ids_to_tokens(columns(formats.verdict(), mistral)) == ["▁No", "▁Yes"]


def test_columns_of_a_head_are_its_labels(llama: Any) -> None:
    assert columns(format_of("qwen-prm"), llama) == [0, 1]
    assert columns(format_of("outcome"), llama) == [0]

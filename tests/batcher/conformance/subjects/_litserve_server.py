"""The function behind LitServe, whose workers are spawned: they import this module."""

from __future__ import annotations

import argparse
from typing import Any

import litserve

from ._http import served_model


class Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None: ...

    def decode_request(self, request: dict[str, str]) -> str:
        return request["item"]

    def predict(self, items: list[str]) -> list[Any]:
        return served_model()(items)

    def encode_response(self, answer: Any) -> dict[str, Any]:
        return {"answer": answer}


def serve() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in [("port", int), ("batch", int), ("max_wait", float)]:
        parser.add_argument(f"--{name}", type=kind)
    given, _ = parser.parse_known_args()
    wait = {} if given.max_wait is None else {"batch_timeout": given.max_wait}
    server = litserve.LitServer(Api(max_batch_size=given.batch, **wait))
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False)


if __name__ == "__main__":
    serve()

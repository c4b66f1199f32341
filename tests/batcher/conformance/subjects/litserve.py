"""LitServe, as a server of its own."""

from __future__ import annotations

import argparse
import importlib.metadata
from typing import Any

from ..subject import Function, NotOffered, Options
from . import _http


class Adapter:
    name = "litserve"
    environment = "litserve"

    def version(self) -> str:
        return importlib.metadata.version("litserve")

    async def open(self, function: Function, options: Options) -> _http.Running:
        if options.priorities:
            raise NotOffered("priorities")
        return await _http.start(__name__, function, _http.options_of(options), "/predict")


SUBJECT = Adapter()


def serve() -> None:
    import litserve

    parser = argparse.ArgumentParser()
    for name, kind in [("port", int), ("batch", int), ("max_wait", float)]:
        parser.add_argument(f"--{name}", type=kind)
    given, _ = parser.parse_known_args()
    model = _http.served_model()

    class Api(litserve.LitAPI):  # type: ignore[misc]
        def setup(self, device: str) -> None: ...

        def decode_request(self, request: dict[str, str]) -> str:
            return request["item"]

        def predict(self, items: list[str]) -> list[Any]:
            return model(items)

        def encode_response(self, answer: Any) -> dict[str, Any]:
            return {"answer": answer}

    wait = {} if given.max_wait is None else {"batch_timeout": given.max_wait}
    server = litserve.LitServer(Api(max_batch_size=given.batch, **wait))
    server.run(host="127.0.0.1", port=given.port, generate_client_file=False)


if __name__ == "__main__":
    serve()

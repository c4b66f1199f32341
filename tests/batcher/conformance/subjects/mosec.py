"""mosec, as a server of its own."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..subject import Function, Library, Options
from . import _http


class Adapter(Library):
    distribution = "mosec"
    # Each request has a connection of its own.
    keeps_order = False

    async def make(self, function: Function, options: Options) -> _http.Running:
        return await _http.start(__name__, function, _http.options_of(options), "/inference")


SUBJECT = Adapter()


def serve() -> None:
    import mosec

    parser = argparse.ArgumentParser()
    for name, kind in [("port", int), ("batch", int), ("capacity", int)]:
        parser.add_argument(f"--{name}", type=kind)
    for name in ("max_wait", "worker_timeout"):
        parser.add_argument(f"--{name}", type=float)
    given = parser.parse_args()
    capacity = [] if given.capacity is None else [f"--capacity={given.capacity}"]
    sys.argv[1:] = ["--address=127.0.0.1", f"--port={given.port}", "--timeout=60000", *capacity]

    class Worker(mosec.Worker):  # type: ignore[misc]
        def deserialize(self, data: bytes) -> Any:
            return super().deserialize(data)["item"]

        def forward(self, items: list[str]) -> list[Any]:
            return _http.served_model()(items)

        def serialize(self, answer: Any) -> Any:
            return super().serialize({"answer": answer})

    wait = {} if given.max_wait is None else {"max_wait_time": round(1000 * given.max_wait)}
    hung = {} if given.worker_timeout is None else {"timeout": given.worker_timeout}
    server = mosec.Server()
    server.append_worker(Worker, max_batch_size=given.batch, start_method="fork", **wait, **hung)
    server.run()


if __name__ == "__main__":
    serve()

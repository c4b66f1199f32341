"""LitServe, as a server of its own."""

from __future__ import annotations

from ..subject import Function, Library, Options
from . import _http


class Adapter(Library):
    distribution = "litserve"
    # Each request has a connection of its own.
    keeps_order = False

    async def make(self, function: Function, options: Options) -> _http.Running:
        server = f"{__package__}._litserve_server"
        return await _http.start(server, function, _http.options_of(options), "/predict")


SUBJECT = Adapter()

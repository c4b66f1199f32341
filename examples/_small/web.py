"""Makes a web server of a function, with a thread for each caller."""

import signal
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import multibin as mb


class LateError(Exception):
    """Says that the caller's time is over. A model may raise a TimeoutError of its own."""


class Server(ThreadingHTTPServer):
    """Keeps the function; at its end it waits for the threads of its callers."""

    daemon_threads = False
    request_queue_size = 64
    ask: Callable[[str], str]


class Handler(BaseHTTPRequestHandler):
    """Answers one caller with what the function returns, or with its error."""

    server: Server
    timeout = 10  # Seconds in which a caller must send its text.

    def do_POST(self) -> None:
        """Answers 503 without room, 504 if it took too long, and 500 for what failed."""
        try:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, reply = 200, self.server.ask(text)
        except (mb.FullError, mb.ClosedError) as error:
            status, reply = 503, str(error)
        except LateError as error:
            status, reply = 504, str(error)
        except Exception as error:
            status, reply = 500, str(error)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{reply}\n".encode())


def serve(ask: Callable[[str], str]) -> None:
    """Serves at the port of the command line until Ctrl-C or SIGTERM.

    Returns when all callers are answered.
    """
    server = Server(("127.0.0.1", int([*sys.argv, "8000"][1])), Handler)
    server.ask = ask
    for number in (signal.SIGINT, signal.SIGTERM):
        # It waits for the loop of the server, in which the signal came.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print("listening on port", server.server_port, flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)

"""A loopback server that answers with set JSON by path, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request; `said` are its query's or its JSON body's fields."""

    verb: str
    path: str
    said: dict[str, Any]
    headers: dict[str, str]


@dataclass(frozen=True)
class No:
    """An answer with a status other than 200."""

    status: int
    body: Any


Route = Any
"""A JSON value, a `No`, or what makes one of a request."""


@dataclass
class Host:
    """Where it listens and what came."""

    routes: dict[str, Route]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def answer(self, request: Asked) -> tuple[int, Any]:
        self.asked.append(request)
        if request.path not in self.routes:
            return 404, {"unexpected": request.path}
        found: Route | Callable[[Asked], Route] = self.routes[request.path]
        made = found(request) if callable(found) else found
        return (made.status, made.body) if isinstance(made, No) else (200, made)


@contextmanager
def serving(routes: dict[str, Route]) -> Iterator[Host]:
    host = Host(routes)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = json.loads(body) if body else dict(parse_qsl(parts.query))
            request = Asked(self.command, parts.path, said, dict(self.headers.items()))
            status, answer = host.answer(request)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        host.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()

"""A model hub on loopback, as small as the Hugging Face client lets it be: serves folders, refuses some names."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 39 + "1"


class HubServer(ThreadingHTTPServer):
    """repositories: {("models" | "datasets", "owner/name"): folder}; gated: names that answer 403."""

    def __init__(self, repositories: dict[tuple[str, str], Path], gated: set[str]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories, self.gated = repositories, gated
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.tokens: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        self.server.tokens.append(self.headers.get("Authorization") or "")
        path = self.path.split("?")[0].strip("/")
        parts = path.split("/")
        if parts[0] == "api" and len(parts) >= 4:
            kind, name, rest = parts[1], "/".join(parts[2:4]), parts[4:]
        elif parts[0] == "datasets":
            kind, name, rest = "datasets", "/".join(parts[1:3]), parts[3:]
        else:
            kind, name, rest = "models", "/".join(parts[:2]), parts[2:]
        if name in self.server.gated:
            return self.refuse(403, "GatedRepo", "Access to this resource is restricted: it is a gated repo.")
        folder = self.server.repositories.get((kind, name))
        if folder is None:
            return self.refuse(404, "RepoNotFound", "Repository not found")
        if rest[:1] == ["resolve"]:
            return self.file(folder / "/".join(rest[2:]))
        if rest[:1] == ["tree"]:
            return self.json([self.entry(folder, item) for item in sorted(folder.iterdir())])
        if rest[:1] == ["paths-info"]:
            return self.json([])
        files = [{"rfilename": item.name} for item in sorted(folder.iterdir())]
        return self.json({"id": name, "sha": COMMIT, "private": False, "gated": False, "tags": [], "siblings": files})

    def entry(self, folder: Path, item: Path) -> dict:
        oid = hashlib.sha1(item.read_bytes()).hexdigest()
        return {"type": "file", "path": str(item.relative_to(folder)), "size": item.stat().st_size, "oid": oid}

    def file(self, path: Path):
        if not path.is_file():
            return self.refuse(404, "EntryNotFound", "Entry not found")
        data = path.read_bytes()
        return self.send(200, data, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT})

    def json(self, value):
        return self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, message: str):
        return self.send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def send(self, status: int, data: bytes, headers: dict[str, str]):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

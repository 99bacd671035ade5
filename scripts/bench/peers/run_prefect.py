"""A graph on standard input, as a Prefect flow with its own server on loopback and SQLite in the folder given."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version


def serve(port):
    """Prefect's server, with each commit synced, which its SQLite settings leave out."""
    import uvicorn
    from prefect.server.api.server import create_app
    from prefect.server.database.configurations import AioSqliteConfiguration

    set_up = AioSqliteConfiguration.setup_sqlite

    def set_up_and_sync(self, connection, record):
        set_up(self, connection, record)
        connection.execute("PRAGMA synchronous = FULL")

    AioSqliteConfiguration.setup_sqlite = set_up_and_sync
    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="error")


def run_graph(graph):
    from prefect import flow, task

    @task
    def noop():
        pass

    @flow
    def bench():
        futures = []
        for parents in graph:
            futures.append(noop.submit(wait_for=[futures[parent] for parent in parents]))
        for future in futures:
            future.result()
        return len(futures)

    start = time.perf_counter()
    done = bench()
    milliseconds = (time.perf_counter() - start) * 1000
    assert done == len(graph), f"{done} of {len(graph)} tasks ran"
    return milliseconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, server):
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            return urllib.request.urlopen(url).close()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


def main(home):
    graph = json.load(sys.stdin)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    os.environ.update(
        PREFECT_HOME=home,
        PREFECT_API_URL=url,
        PREFECT_LOGGING_LEVEL="ERROR",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
    )
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for(f"{url}/health", server)
        milliseconds = run_graph(graph)
    finally:
        server.kill()
    note = "tasks submitted in one flow, own server, until the flow returns"
    report = {"version": version("prefect"), "milliseconds": milliseconds, "commits": None, "note": note}
    print(json.dumps(report), flush=True)
    # What it has still to tell its server would keep it waiting.
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(int(sys.argv[2]))
    else:
        main(sys.argv[1])

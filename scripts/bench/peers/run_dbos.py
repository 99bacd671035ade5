"""A graph on standard input, as one DBOS workflow with a step a node, on SQLite in the folder that is given."""

import asyncio
import json
import sys
import time
from importlib.metadata import version

import sqlalchemy
from dbos import DBOS

commits = 0


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "commit")
def count(connection):
    """Counts what is written: a commit that changed nothing is none."""
    global commits
    changes = connection.connection.dbapi_connection.total_changes
    commits += changes > connection.info.get("changes", 0)
    connection.info["changes"] = changes


def levels(graph):
    """Node numbers by how many nodes stand before them at most."""
    depths = []
    for parents in graph:
        depths.append(1 + max((depths[parent] for parent in parents), default=-1))
    grouped = [[] for _ in range(max(depths) + 1)]
    for node, depth in enumerate(depths):
        grouped[depth].append(node)
    return grouped


graph = json.load(sys.stdin)
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{sys.argv[1]}/dbos.sqlite",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
)


@DBOS.step()
async def noop(node: int) -> int:
    return node


@DBOS.workflow()
async def run_graph(graph: list) -> int:
    """Level by level: a workflow has to start its steps in the same order each time it is replayed."""
    done = 0
    for level in levels(graph):
        done += len(await asyncio.gather(*(noop(node) for node in level)))
    return done


async def main():
    start = time.perf_counter()
    done = await run_graph(graph)
    milliseconds = (time.perf_counter() - start) * 1000
    assert done == len(graph), f"{done} of {len(graph)} steps ran"
    note = "one workflow, its steps gathered level by level"
    print(json.dumps({"version": version("dbos"), "milliseconds": milliseconds, "commits": commits, "note": note}))


DBOS.launch()
commits = 0
asyncio.run(main())
DBOS.destroy()

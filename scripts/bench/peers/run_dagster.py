"""A graph on standard input, as a Dagster job run in this process, with its SQLite storage in the folder given."""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

import sqlalchemy

home = Path(sys.argv[1])
(home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
os.environ["DAGSTER_HOME"] = str(home)

from dagster import DagsterInstance, DependencyDefinition, GraphDefinition, In, MultiDependencyDefinition  # noqa: E402
from dagster import NodeInvocation, Nothing, Out, op  # noqa: E402

commits = 0


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "commit")
def count(connection):
    """Counts what is written: a commit that changed nothing is none."""
    global commits
    changes = connection.connection.dbapi_connection.total_changes
    commits += changes > connection.info.get("changes", 0)
    connection.info["changes"] = changes


@op(ins={"after": In(Nothing)}, out=Out(Nothing))
def noop():
    pass


@op(out=Out(Nothing))
def first():
    pass


def after(parents):
    dependencies = [DependencyDefinition(f"n{parent}") for parent in parents]
    return {"after": MultiDependencyDefinition(dependencies)} if dependencies else {}


graph = json.load(sys.stdin)
job = GraphDefinition(
    name="bench",
    node_defs=[first, noop],
    dependencies={
        NodeInvocation(name="noop" if parents else "first", alias=f"n{node}"): after(parents)
        for node, parents in enumerate(graph)
    },
).to_job()

quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
with DagsterInstance.get() as instance:
    start = time.perf_counter()
    result = job.execute_in_process(instance=instance, run_config=quiet)
    milliseconds = (time.perf_counter() - start) * 1000
    done = len(result.get_step_success_events())
    assert result.success and done == len(graph), f"{done} of {len(graph)} ops ran"
note = "execute_in_process"
print(json.dumps({"version": version("dagster"), "milliseconds": milliseconds, "commits": commits, "note": note}))

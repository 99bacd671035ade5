"""The front door: reads ATTEMPT_DIR/spec.json, runs its task, writes result.json last.

Exit codes: 0 a result was written; 143 stopped by SIGTERM (a checkpoint may have been saved); 2 wrong call.
"""

import errno
import importlib
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

from .attempt import Attempt
from .errors import Interrupted, TaskError, user_error

TASKS = ("load_dataset", "load_lora", "finetune", "train", "ptq", "qat", "evaluate")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "spec.json").is_file():
        print("usage: python -m trainyard_runtime ATTEMPT_DIR   (a folder that holds spec.json)", file=sys.stderr)
        return 2
    attempt = Attempt(Path(arguments[0]).resolve())
    signal.signal(signal.SIGTERM, lambda *_: attempt.ask_to_stop())
    threads = str(attempt.limits.get("cpu_threads") or os.cpu_count() or 1)
    os.environ.setdefault("OMP_NUM_THREADS", threads)
    # Threads that spin while they wait cost four fifths of the speed as soon as another process wants a core, and
    # threads that sleep at once cost a third of it on an idle machine: spin shortly, then sleep.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        attempt.progress("start")
        result = run(attempt)
    except Interrupted:
        attempt.message("Stopped on request.")
        attempt.close()
        return 143
    except TaskError as error:
        print(f"{error.code}: {error.message} {error.hint}", file=sys.stderr)
        result = {"status": "failed", "error": error.as_json()}
    except Exception as error:
        traceback.print_exc()
        result = {"status": "failed", "error": explain(error)}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the work is done: nothing is worth interrupting now
    attempt.write_result({**result, "usage": usage()})
    return 0


def run(attempt: Attempt) -> dict:
    """Runs the task and returns result.json's content; a task is a module with `run(attempt)`."""
    if attempt.task_name not in TASKS:
        raise user_error("unknown_task", f"There is no task {attempt.task_name}.", f"Known: {', '.join(TASKS)}.")
    task = importlib.import_module(f".tasks.{attempt.task_name}", __package__)
    outputs, resources = task.run(attempt)
    return {"status": "succeeded", "outputs": outputs, "resources": resources}


def usage() -> dict:
    """What this process took at most: peak_memory_mib, and peak_gpu_memory_mib where it used a GPU."""
    taken = {"peak_memory_mib": round(peak_memory_mib(), 1)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        taken["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_reserved() / 2**20, 1)
    return taken


def peak_memory_mib() -> float:
    """Resident memory at its highest. Linux's rusage counts what started this process, its status file does not."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def explain(error: Exception) -> dict:
    """An unexpected exception as an error object: no memory is terminal, no disk may pass, anything else is our bug."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "not enough memory" in text.lower():
        return {
            "kind": "terminal",
            "code": "out_of_memory",
            "message": f"The task ran out of memory: {text.splitlines()[0][:300]}",
            "hint": "Use a smaller batch_size or max_seq_length, a smaller model, or a machine with more memory.",
        }
    if is_disk_full(error, text):
        return {
            "kind": "retryable",
            "code": "disk_full",
            "message": f"The disk is full: {text[:300]}",
            "hint": "Free some space; it goes on by itself.",
        }
    return {
        "kind": "bug",
        "code": "unexpected_error",
        "message": f"{type(error).__name__}: {text.splitlines()[0][:300]}",
        "hint": "This is a fault in Trainyard; the log has the traceback. Please report it.",
    }


def is_disk_full(error: Exception, text: str) -> bool:
    """Whether nothing more could be written; libraries that write files themselves tell it in words alone."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return os.strerror(errno.ENOSPC).lower() in text.lower()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # leaves at once: native threads of the libraries may linger or abort on the way out

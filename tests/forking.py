"""A program that has imported the command line and forks a process for each command: see ``commands.py``.

It reads JSON lines: a command to start (its process id is answered) or a process to look after (its exit status, or
null while it runs, is answered).
"""

import gc
import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path

PRELOADED = (
    "matsearch.cli.run",
    "matsearch.cli.views",
    "matsearch.cli.debug",
    "matsearch.cli.configs",
    "matsearch.cli.doctor",
    "matsearch.cli.init",
    "matsearch.cli.references",
    "matsearch.cli.potentials",
    "matsearch.hull.adding",
    "matsearch.hull.checks",
    "matsearch.potentials.toy",
    "matsearch.potentials.trial",
    "matsearch.relax.single",
    "matsearch.store.sqlite",
    "matsearch.store.repository",
    "matsearch.cli.building",
    "matsearch.cli.report",
    "pymatgen.analysis.prototypes",
    "matsearch.cli.calls",
    "matsearch.cli.replies",
    "matsearch.pipeline.asking",
    "openai.resources.chat.completions",
    "matsearch.cli.prompts",
    "matsearch.cli.prompt_trials",
    "moocore",
    "jobflow.utils.graph",
    "atomate2.vasp.flows.mp",
    "matsearch.cli.verify",
    "matsearch.cli.verify_inputs",
    "matsearch.cli.frames",
)


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main():
    # as the command line does, and before numpy is there
    os.environ.update(dict.fromkeys(THREADS, "1"))
    for name in PRELOADED:
        import_module(name)
    # tables that every search reads once
    import_module("matsearch.crystal.known").embedded_set()
    import_module("matsearch.propose.operators.substitution")._ions()
    gc.collect()
    gc.freeze()  # what is shared stays shared: the forks do not walk through it
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            answer(poll(request["poll"]))
            continue
        pid = os.fork()
        if pid == 0:
            become(request)
            return
        answer(pid)


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def poll(pid):
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def become(request):
    """Turn this fork into the command."""
    folder = Path(request["cwd"])
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(request["env"])
    redirect(0, "/dev/null", os.O_RDONLY)
    for number, ending in ((1, "out"), (2, "err")):
        redirect(number, folder / f"{request['name']}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if "closed_out" in request:
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)
        os.close(writing)
    if "tty" in request:
        redirect(2, request["tty"], os.O_RDWR)
    if "user" in request:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])
    if "file_size" in request:
        limit_file_size(request["file_size"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    sys.argv = ["matsearch", *request["argv"]]
    from matsearch.cli.app import main as command

    command()


def redirect(number, path, flags):
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, number)
    os.close(opened)


def limit_file_size(size):
    # else the first byte too many would kill the process
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    main()

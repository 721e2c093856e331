"""The walk-through that Hark began with: its three Python programs and its dialogue with the CLI.

seed/*.py are the programs as they were published; only the port is filled in before they run.
"""

import ast
import os
import shutil
import subprocess
import sys
import time

import pytest

from harness import PATIENCE_S, ROOT, eventually

SEED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seed")
SYSTEM_PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def cli_binaries():
    hark_cli = os.environ.get("HARK_CLI") or os.path.join(ROOT, "build", "hark-cli")
    return [shutil.which("redis-cli") or "redis-cli", hark_cli]


class Program:
    """A program that runs meanwhile, its standard output in a file that can be read any time."""

    def __init__(self, folder, command):
        self.path = os.path.join(folder, f"output-{time.monotonic_ns()}")
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL)

    @property
    def output(self):
        with open(self.path, "rb") as output:
            return output.read()

    def lines(self, count):
        """Waits until it has printed `count` whole lines; returns them."""
        def enough():
            assert self.process.poll() in (None, 0), self.output.decode()
            lines = self.output.decode().splitlines(keepends=True)
            whole = [line[:-1] for line in lines if line.endswith("\n")]
            return whole if len(whole) >= count else None
        return eventually(enough, 3 * PATIENCE_S)

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@pytest.fixture
def run(server):
    """Runs commands beside the test; they end with it."""
    programs = []

    def run_one(*command):
        programs.append(Program(server.folder, command))
        return programs[-1]

    yield run_one
    for program in programs:
        program.end()


@pytest.fixture
def run_seed(server, run):
    """Runs one of the programs of the seed."""
    def run_one(name):
        with open(os.path.join(SEED, name), encoding="utf-8") as source:
            text = source.read()
        assert text.count("port=6379") == 1
        path = server.path("subscribe.py")
        with open(path, "w", encoding="utf-8") as copy:
            copy.write(text.replace("port=6379", f"port={server.port}"))
        return run(SYSTEM_PYTHON, "-u", path)
    return run_one


def awaited(client, channel):
    """Waits until somebody has subscribed to this pattern or channel."""
    def there():
        patterns = client("PUBSUB", "NUMPAT")
        return patterns or client("PUBSUB", "NUMSUB", channel)[1]
    eventually(there, 3 * PATIENCE_S)


SUBSCRIBED = {"type": "psubscribe", "data": 1, "channel": b"__keyspace@0__:*", "pattern": None}
SET_MYKEY = {"type": "pmessage", "data": b"set", "channel": b"__keyspace@0__:mykey",
             "pattern": b"__keyspace@0__:*"}


def test_message_loop(server, connect, run_seed):
    c = connect()
    c("CONFIG", "SET", "notify-keyspace-events", "KEA")
    program = run_seed("message_loop.py")
    assert program.lines(2)[0] == "Starting message loop"
    assert ast.literal_eval(program.lines(2)[1]) == SUBSCRIBED
    c("SET", "mykey", "myvalue")
    assert ast.literal_eval(program.lines(3)[2]) == SET_MYKEY
    assert len(program.lines(3)) == 3


def test_handler(server, connect, run_seed):
    c = connect()
    c("CONFIG", "SET", "notify-keyspace-events", "KEA")
    program = run_seed("handler.py")
    first, second = program.lines(2)
    assert first == "Starting message loop"
    assert ast.literal_eval(second) == SUBSCRIBED
    c("SET", "mykey", "myvalue")
    word, message = program.lines(3)[2].split(" ", 1)
    assert word == "Handler"
    assert ast.literal_eval(message) == SET_MYKEY


def test_thread_stops_itself(server, connect, run_seed):
    c = connect()
    c("CONFIG", "SET", "notify-keyspace-events", "KEA")
    program = run_seed("thread.py")
    awaited(c, "")
    c("SET", "session", "1", "PX", "20")
    assert program.process.wait(3 * PATIENCE_S) == 0
    lines = program.output.decode().splitlines()
    assert list(map(ast.literal_eval, lines)) == [
        {"type": "pmessage", "data": b"session", "channel": b"__keyevent@0__:expired",
         "pattern": b"__keyevent@0__:expired"}]


@pytest.mark.parametrize("cli", cli_binaries(), ids=os.path.basename)
def test_cli_dialogue(server, connect, run, cli):
    if not os.path.exists(cli):
        pytest.skip(f"{os.path.basename(cli)} is not here")
    told = [cli, "-p", str(server.port)]
    assert subprocess.check_output(
        [*told, "config", "set", "notify-keyspace-events", "KEA"]) == b"OK\n"
    subscriber = run(*told, "--csv", "psubscribe", "*")
    awaited(connect(), "")
    assert subprocess.check_output([*told, "set", "key1", "value1"]) == b"OK\n"
    subscriber.lines(4)
    assert subscriber.output == (
        b'Reading messages... (press Ctrl-C to quit)\n'
        b'"psubscribe","*",1\n'
        b'"pmessage","*","__keyspace@0__:key1","set"\n'
        b'"pmessage","*","__keyevent@0__:set","key1"\n')

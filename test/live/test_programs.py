"""Programs that others wrote and that know nothing of Hark: what they say on Hark is what they say
on Redis. Each script of programs/ drives one of them and prints what it sees."""

import os
import subprocess

import pytest

from crew import SYSTEM_PYTHON, needs_node, node_env
from harness import Server

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
PROGRAM_SECONDS = 60


def output_of(command, socket):
    done = subprocess.run(command, env={**node_env(), "SOCKET": socket}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PROGRAM_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 5, done.stdout
    return done.stdout


def compare(server, *command):
    with Server(binary="/usr/bin/redis-server") as other:
        expected = output_of(command, other.unix_path)
    assert output_of(command, server.unix_path) == expected


@pytest.mark.parametrize("script, modules", [("sessions.js", ["connect-redis", "express-session"]),
                                             ("cache.js", ["keyv", "@keyv/redis"])])
def test_node(server, script, modules):
    for module in modules:
        needs_node(module)
    compare(server, "node", os.path.join(FOLDER, script))


@pytest.mark.parametrize("script, module", [("jobs.py", "rq"), ("messages.py", "kombu")])
def test_python(server, script, module):
    if subprocess.run([SYSTEM_PYTHON, "-c", f"import {module}"],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip(f"python3-{module} is not installed (tools/setup test)")
    compare(server, SYSTEM_PYTHON, os.path.join(FOLDER, script))

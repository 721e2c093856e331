"""Does the comparison see what it should? Servers with a known flaw must be found out."""

import os
import stat
import sys

import pytest
from oracle.campaign import Campaign
from oracle.servers import ORACLE, Pair

pytestmark = pytest.mark.skipif(not os.path.exists(ORACLE), reason="redis-server is not installed")

# A server that is Redis with other settings.
SETTINGS = f"""#!/bin/sh
exec {ORACLE} "$@" %s
"""

# A server that is Redis behind a wire which changes some bytes on their way to the client.
WIRE = f"""#!{sys.executable}
import socket, subprocess, sys, threading
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from oracle.servers import free_port

at = sys.argv.index("--port") + 1
outer, inner = int(sys.argv[at]), free_port()
sys.argv[at] = str(inner)
redis = subprocess.Popen([{ORACLE!r}] + sys.argv[1:])

def carry(source, target, change):
    try:
        while data := source.recv(1 << 20):
            target.sendall(change(data))
    except OSError:
        pass
    try:
        target.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass

def serve(client):
    try:
        server = socket.create_connection(("127.0.0.1", inner))
    except OSError:
        client.close()
        return
    threading.Thread(target=carry, args=(client, server, bytes), daemon=True).start()
    carry(server, client, lambda data: data.replace(%r, %r))

try:
    listener = socket.create_server(("127.0.0.1", outer))
    import signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
finally:
    redis.terminate()
    redis.wait()
"""

APPENDED_A = b">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$21\r\n__keyevent@0__:append\r\n$1\r\na\r\n"
FLAWS = {
    "a database less": (SETTINGS % "--databases 15", "SELECT"),
    "a command less": (SETTINGS % "--rename-command PERSIST ''", "PERSIST"),
    "another name of an event": (WIRE % (b"$11\r\nrename_from", b"$11\r\nrename_frOm"), "RENAME"),
    "an event less": (WIRE % (APPENDED_A, b""), "APPEND"),
    "another reply": (WIRE % (b"-ERR bit offset", b"-ERR Bit offset"), "BIT"),
    "no reply": (WIRE % (b"+string\r\n", b""), "TYPE"),
}  # fmt: skip


@pytest.mark.parametrize("program, culprit", FLAWS.values(), ids=FLAWS)
def test_a_flaw_is_found_and_made_short(tmp_path, program, culprit):
    binary = tmp_path / "flawed-server"
    binary.write_text(program)
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    said = []
    with Pair(str(binary), ORACLE) as pair:
        campaign = Campaign(pair, shrink_seconds=15, timeout_s=1, say=said.append)
        assert not campaign.run(seed=4711, commands=400_000, stop_after=1)
    report = "\n".join(said)
    print(report)
    short = report.split("--- as short as it gets (")[1]
    assert int(short.split(" ")[0]) <= 6
    assert culprit in short


def test_two_servers_of_a_kind_do_not_differ():
    said = []
    with Pair(ORACLE, ORACLE) as pair:
        assert Campaign(pair, say=said.append).run(seed=4711, commands=20_000), "\n".join(said)

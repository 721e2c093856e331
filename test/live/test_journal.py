"""The journal under a server: what it brings back, and how it refuses what it cannot use."""

import glob
import os
import shutil
import signal
import stat
import struct
import subprocess

import pytest

from harness import PATIENCE_S, Server, eventually, server_binary

pytestmark = pytest.mark.hark_only("its journal is Hark's own")

STORE_EXIT_CODE = 74


def segments(server):
    return sorted(glob.glob(server.path("journal/*.journal")))


def content(server):
    """Of all the folder."""
    paths = sorted(glob.glob(server.path("journal/*")))
    return {path: (os.stat(path).st_mtime_ns, open(path, "rb").read()) for path in paths}


def refusal(server):
    """Starts it where it must not start; the exit status and what it said."""
    done = subprocess.run(server.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, cwd=server.folder, timeout=PATIENCE_S, text=True)
    assert done.returncode != 0 and "Sanitizer" not in done.stdout, done.stdout
    return done.returncode, done.stdout


def fill(client, megabytes):
    """So many keys of 100 KB that more than one segment is filled."""
    for i in range(megabytes * 10):
        client("SET", f"large:{i}", str(i % 10) * 100_000)


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1]))


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# ---- what comes back


@pytest.mark.parametrize("end", ["kill", "halt"])
@pytest.mark.parametrize("sync", ["always", "everysec", "no"])
def test_data_comes_back(start, end, sync):
    server = start(appendfsync=sync, enable_debug_command="yes")
    c = server.connect()
    c("SET", "k", "v")
    c("APPEND", "k", "w")
    c("SET", "until", "x", "PXAT", 4_000_000_000_000)
    c("SELECT", 3)
    c("INCRBY", "n", 41)
    c("MULTI"), c("INCR", "n"), c("SET", "m", "1"), c("EXEC")
    digest = c("DEBUG", "DIGEST")
    getattr(server, end)()
    server.start()
    c = server.connect()
    assert c("DEBUG", "DIGEST") == digest
    assert c("GET", "k") == "vw" and c("PEXPIRETIME", "until") == 4_000_000_000_000
    c("SELECT", 3)
    assert c("MGET", "n", "m") == ["42", "1"]


def test_what_fell_due_meanwhile_is_gone(start):
    server = start(notify_keyspace_events="KEA")
    c = server.connect()
    c("SET", "k", "v", "PX", 5)
    server.kill()
    server.start()
    c = server.connect()
    assert c("GET", "k") is None and c("DBSIZE") == 0


def test_without_a_journal_nothing_is_kept(start):
    server = start(appendonly="no")
    server.connect()("SET", "k", "v")
    server.halt()
    assert not os.path.exists(server.path("journal"))
    server.start()
    assert server.connect()("DBSIZE") == 0


def test_appendfsync_can_be_changed(start):
    server = start(appendfsync="no")
    c = server.connect()
    for sync in ("always", "everysec", "no", "always"):
        assert c("CONFIG", "SET", "appendfsync", sync) == "OK"
        c("SET", sync, "1")
    server.kill()
    server.start()
    assert server.connect()("DBSIZE") == 3


def test_restarting_leaves_few_files(start):
    server = start()
    server.connect()("SET", "k", "v")
    for _ in range(5):
        server.kill()
        server.start()
    assert len(segments(server)) <= 3
    assert server.connect()("GET", "k") == "v"


def test_groups_are_in_the_snapshot(start):
    server = start()
    c = server.connect()
    view = "__keyevent@0__:set"
    c("XGROUP", "CREATE", view, "g", "0")
    c("SET", "k", "v")
    [[_, [[id, _]]]] = c("XREADGROUP", "GROUP", "g", "w", "STREAMS", view, ">")
    c("BGREWRITEAOF")
    eventually(lambda: server.connect().info("persistence")["aof_rewrite_in_progress"] == "0")
    assert "snapshot" in server.log()
    c("SET", "k", "w")
    server.kill()
    server.start()
    c = server.connect()
    assert c("XPENDING", view, "g") == [1, id, id, [["w", "1"]]]
    [[_, [[_, fields]]]] = c("XREADGROUP", "GROUP", "g", "w", "STREAMS", view, ">")
    assert fields[3] == "k"


# ---- a torn tail and damage


def test_a_torn_tail_is_cut_and_told(start):
    server = start()
    c = server.connect()
    for i in range(100):
        c("SET", f"k{i}", "v" * 100)
    server.kill()
    last = segments(server)[-1]
    used = len(open(last, "rb").read().rstrip(b"\0"))
    with open(last, "r+b") as f:
        f.seek(used - 30)
        f.write(b"\xff" * 200)
    server.start()
    assert "torn" in server.log(server.log_from) and os.path.basename(last) in server.log()
    c = server.connect()
    left = c("DBSIZE")
    assert 90 <= left < 100 and all(c("EXISTS", f"k{i}") for i in range(left))


def test_damage_in_the_middle_is_refused(start):
    server = start()
    c = server.connect()
    fill(c, 4)
    server.halt()
    assert len(segments(server)) >= 3
    path = segments(server)[1]
    flip(path, 300_000)
    before = content(server)
    status, said = refusal(server)
    assert status == STORE_EXIT_CODE
    assert os.path.basename(path) in said and "offset" in said and "hark-check" in said
    assert content(server) == before
    flip(path, 300_000)
    server.start()
    c = server.connect()
    assert c("DBSIZE") == 40 and c("STRLEN", "large:39") == 100_000


def test_a_lost_end_that_was_safe_is_refused(start):
    """After an orderly end the last record has a mark behind it."""
    server = start()
    c = server.connect()
    for i in range(10):
        c("SET", f"k{i}", "v" * 100)
    server.halt()
    last = segments(server)[-1]
    flip(last, 1000)
    before = content(server)
    status, said = refusal(server)
    assert os.path.basename(last) in said and "safe" in said and content(server) == before
    flip(last, 1000)
    server.start()
    assert server.connect()("DBSIZE") == 10


def test_a_missing_segment_is_refused(start):
    server = start()
    fill(server.connect(), 4)
    server.halt()
    path = segments(server)[1]
    os.rename(path, server.path("aside"))
    _, said = refusal(server)
    assert os.path.basename(path) in said and "missing" in said
    os.rename(server.path("aside"), path)
    server.start()
    assert server.connect()("DBSIZE") == 40


def test_a_newer_format_is_refused(start):
    server = start()
    server.connect()("SET", "k", "v")
    server.halt()
    path = segments(server)[-1]
    with open(path, "r+b") as f:
        header = bytearray(f.read(512))
        header[8:12] = struct.pack("<I", 2)
        header[508:512] = struct.pack("<I", crc32c(header[:508]))
        f.seek(0)
        f.write(header)
    before = content(server)
    _, said = refusal(server)
    assert "newer version" in said and os.path.basename(path) in said
    assert content(server) == before


# ---- folders


def test_two_servers_on_one_folder(start):
    server = start()
    c = server.connect()
    c("SET", "k", "v")
    words = server.command()
    words[words.index("--port") + 1] = "0"
    words[words.index("--unixsocket") + 1] = server.path("second")
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert "nother server uses" in done.stdout and server.path("journal") in done.stdout
    assert c("APPEND", "k", "w") == 2
    server.kill()
    server.start()
    assert server.connect()("GET", "k") == "vw"


def unprivileged(folder):
    """The server as a user whom permissions concern."""
    if os.geteuid() != 0:
        return server_binary()
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not here")
    shutil.copy(server_binary(), folder / "hark-server")
    wrapper = folder / "wrapper"
    wrapper.write_text(f"#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "
                       f"{folder}/hark-server \"$@\"\n")
    wrapper.chmod(0o755)
    for path in (folder, *folder.parents):
        if path.owner() == "root" and len(path.parts) > 2:
            path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    return str(wrapper)


def test_a_folder_that_may_not_be_written(start, tmp_path):
    server = start()
    server.connect()("SET", "k", "v")
    server.halt()
    server.binary = unprivileged(tmp_path)
    os.chmod(server.folder, 0o555)
    for path in (server.path("journal"), *segments(server), server.path("journal/lock")):
        os.chmod(path, 0o555)
    status, said = refusal(server)
    assert "Permission denied" in said and "journal" in said, said
    for path in (server.folder, server.path("journal"), *segments(server)):
        os.chmod(path, 0o755)
    server.binary = server_binary()
    server.start()
    assert server.connect()("GET", "k") == "v"


def test_a_file_where_the_folder_should_be(start):
    server = start(appendonly="no")
    server.halt()
    server.settings["appendonly"] = "yes"
    with open(server.path("journal"), "w"):
        pass
    _, said = refusal(server)
    assert server.path("journal") in said and "Not a directory" in said


@pytest.fixture
def small_disk(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("needs the right to mount")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk(small_disk):
    """Before anything is promised that could not be kept: refused, reads served, until there is
    room."""
    with Server() as server:
        server.halt()
        shutil.rmtree(server.folder)
        server.folder = str(small_disk / "data")
        os.mkdir(server.folder)
        server.unix_path = server.settings["unixsocket"] = server.path("socket")
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(4 << 20))
        server.start()
        c = server.connect()
        acknowledged = []

        def write_until_refused():
            for _ in range(400):
                i = len(acknowledged)
                c.send("SET", f"k{i}", "v" * 50_000)
                reply = c.reply()
                if reply != "OK":
                    return reply
                acknowledged.append(i)
            raise AssertionError("never refused")

        refused = write_until_refused()
        assert refused.startswith("MISCONF") and "disk is full" in refused, refused
        assert c("GET", "k0") == "v" * 50_000
        assert c("DEL", "k0") == 1
        assert server.alive()
        ballast.unlink()

        def accepts():
            c.send("SET", "room", "1")
            return c.reply() == "OK"

        eventually(accepts)
        server.kill()
        server.start()
        c = server.connect()
        assert c("EXISTS", "k0", "room") == 1
        assert all(c("STRLEN", f"k{i}") == 50_000 for i in acknowledged[1:])
        refused = write_until_refused()
        assert "disk is full" in refused

"""The disk that fails does what it says, to programs that know nothing of it."""

import errno
import os
import random
import signal
import subprocess
import sys

import pytest

from disk import DIE, DIE_AFTER, SHORT, TEAR, Disk

PROGRAM = """
import os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
def new(name): return os.open(name, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=folder)
exec(sys.argv[2])
"""


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path)
    yield disk
    disk.close()


def run(disk, code):
    return subprocess.run([sys.executable, "-c", PROGRAM, disk.folder, code], env=disk.env(),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def content(disk, name):
    path = os.path.join(disk.folder, name)
    return open(path, "rb").read() if os.path.exists(path) else None


SYNCED = "a = new('a'); os.pwrite(a, b'x' * 1000, 0); os.fdatasync(a); os.fsync(folder);"


def test_what_was_synced_is_there_and_nothing_else(disk):
    run(disk, SYNCED + "os.pwrite(a, b'y' * 2000, 500)")
    assert disk.differences() == []
    assert content(disk, "a") == b"x" * 500 + b"y" * 2000
    disk.lose_power(random.Random(1), keep=0)
    assert content(disk, "a") == b"x" * 1000


def test_unsynced_sectors_are_there_by_chance(disk):
    seen = set()
    for seed in range(30):
        run(disk, "a = new('a'); os.ftruncate(a, 2048); os.fdatasync(a); os.fsync(folder);"
                  "os.pwrite(a, b'y' * 2048, 0)")
        disk.lose_power(random.Random(seed), keep=0.5)
        now = content(disk, "a")
        sectors = [now[i : i + 512] for i in range(0, 2048, 512)]
        assert set(sectors) <= {bytes(512), b"y" * 512}
        seen.add(tuple(s[0] for s in sectors))
        run(disk, "os.unlink('a', dir_fd=folder)")
        disk.lose_power(random.Random(seed), keep=1)
        assert content(disk, "a") is None
    assert len(seen) > 8


def test_names_are_lost_too(disk):
    run(disk, SYNCED + "os.rename('a', 'b', src_dir_fd=folder, dst_dir_fd=folder);"
                       "c = new('c'); os.pwrite(c, b'c', 0); os.fsync(c)")
    assert content(disk, "b") and content(disk, "c")
    disk.lose_power(random.Random(1), keep=0)
    assert (content(disk, "b"), content(disk, "c")) == (None, None)
    assert content(disk, "a") == b"x" * 1000


def test_what_a_failed_sync_forgot_no_later_sync_brings_back(disk):
    disk.arm("sync", error=errno.EIO, skip=1)
    done = run(disk, SYNCED + """
os.pwrite(a, b'forgotten', 0)
try: os.fdatasync(a)
except OSError as e: print(e.errno)
os.pwrite(a, b'later', 600)
os.fdatasync(a)
print(os.pread(a, 9, 0).decode())""")
    assert done.stdout.split() == [str(errno.EIO), "forgotten"]
    run(disk, "a = new('a'); os.fsync(a)")  # by another process neither
    assert content(disk, "a")[:9] == b"forgotten"
    disk.lose_power(random.Random(1), keep=0)
    assert content(disk, "a") == b"x" * 600 + b"later" + b"x" * 395


@pytest.mark.parametrize("call,code", [
    ("open", "new('z')"), ("write", "os.pwrite(a, b'1', 0)"), ("sync", "os.fsync(a)"),
    ("write", "os.write(a, b'1')"), ("sync_folder", "os.fsync(folder)"),
    ("resize", "os.ftruncate(a, 5)"),
    ("rename", "os.rename('a', 'b', src_dir_fd=folder, dst_dir_fd=folder)"),
    ("unlink", "os.unlink('a', dir_fd=folder)"), ("read", "os.pread(a, 1, 0)")])
def test_the_nth_call_fails(disk, call, code):
    run(disk, "new('a')")
    before = disk.count(call)
    disk.arm(call, error=errno.ENOSPC, skip=2, times=1)
    done = run(disk, f"""
a = new('a')
for i in range(4):
    try:
        {code}; print('well')
    except OSError as e: print(e.errno)
    if not os.access('a', 0, dir_fd=folder): new('a')""")
    assert disk.met == 1 and disk.count(call) >= before + 4
    assert str(errno.ENOSPC) in done.stdout.split()


def test_short_and_torn_writes(disk):
    disk.arm("write", action=SHORT)
    assert run(disk, "print(os.pwrite(new('a'), b'12345678', 0))").stdout == "4\n"
    disk.arm("write", action=TEAR, amount=2)
    done = run(disk, "os.pwrite(new('b'), b'z' * 3000, 100)")
    assert done.returncode == -signal.SIGKILL
    assert content(disk, "b") == bytes(100) + b"z" * 924


def test_dies_before_or_after_a_call(disk):
    for action, there in ((DIE, None), (DIE_AFTER, b"")):
        disk.arm("open", action=action)
        assert run(disk, "new('a')").returncode == -signal.SIGKILL
        assert content(disk, "a") == there

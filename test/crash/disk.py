"""The disk under a server: arms faults in it, and takes its power away (see faulty.c).

    disk = Disk(folder)
    subprocess.Popen([...], env=disk.env())
    disk.arm("sync", error=errno.EIO)        the next sync fails, the one after it succeeds
    ...
    process.kill(); process.wait()
    disk.lose_power(random.Random(seed))     the folder is what a loss of power would have left
"""

import ctypes
import mmap
import os
import shutil
import struct
import tempfile

SECTOR = 512
CALLS = ("open", "write", "sync", "sync_folder", "resize", "rename", "unlink", "read")
NONE, ERROR, SHORT, DIE, DIE_AFTER, TEAR, WAIT = range(7)
CREATE, BYTES, ZEROS, RESIZE, SYNC, FORGET, SYNC_FOLDER, RENAME, UNLINK, BEGIN = range(10)
HEADER = struct.Struct("<IIQQQQ")
MAGIC = 0x48495354


class Control(ctypes.Structure):
    _fields_ = [("action", ctypes.c_uint32), ("calls", ctypes.c_uint32),
                ("skip", ctypes.c_uint64), ("times", ctypes.c_uint64),
                ("amount", ctypes.c_int64), ("met", ctypes.c_uint64),
                ("count", ctypes.c_uint64 * len(CALLS))]


class File:
    """What is safe of a file, and what came after, in order."""

    def __init__(self, content=b""):
        self.safe = bytearray(content)
        self.pending = []  # (position, kind, at, bytes or how many zeros)

    def sync(self, upto, keep):
        covered = [p for p in self.pending if p[0] <= upto]
        self.pending = [p for p in self.pending if p[0] > upto]
        if keep:
            for change in covered:
                self.apply(change)

    def put(self, at, content):
        if len(self.safe) < at + len(content):
            self.safe.extend(bytes(at + len(content) - len(self.safe)))
        self.safe[at : at + len(content)] = content

    def apply(self, change, kept=None):
        """All of it, or the sectors for which `kept` says so."""
        _, kind, at, content = change
        if kind == RESIZE:
            if kept and not kept():
                return
            del self.safe[at:]
            self.safe.extend(bytes(at - len(self.safe)))
            return
        content = bytes(content) if kind == ZEROS else content
        if not kept:
            self.put(at, content)
            return
        done = 0
        while done < len(content):
            end = min(len(content), done + SECTOR - (at + done) % SECTOR)
            if kept():
                self.put(at + done, content[done:end])
            done = end


class Disk:
    """`library` is the built faulty.c; `history`: is the loss of power to be played?"""

    def __init__(self, folder, library=None, history=True):
        self.folder = os.path.realpath(folder)
        self.library = library or default_library()
        self.own = tempfile.mkdtemp(prefix="hark-disk-")
        self.control_path = os.path.join(self.own, "control")
        self.history_path = os.path.join(self.own, "history") if history else None
        with open(self.control_path, "wb+") as f:
            f.truncate(mmap.PAGESIZE)
            self.map = mmap.mmap(f.fileno(), mmap.PAGESIZE)
        self.control = Control.from_buffer(self.map)
        self.begin()

    def close(self):
        shutil.rmtree(self.own, ignore_errors=True)

    def env(self):
        """The environment of the process to be watched."""
        env = dict(os.environ, LD_PRELOAD=self.library, FAULTY_FOLDER=self.folder,
                   FAULTY_CONTROL=self.control_path)
        # A sanitizer's runtime wants to be the first library, though it need not be.
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        if self.history_path:
            env["FAULTY_HISTORY"] = self.history_path
        return env

    # -- faults

    def arm(self, calls, error=0, action=None, skip=0, times=1, amount=0):
        """From now on, after `skip` more of these calls, `times` (0: all) of them meet it."""
        c = self.control
        c.action = NONE
        c.calls = sum(1 << CALLS.index(name) for name in calls.split())
        c.skip, c.times, c.met = skip, times, 0
        c.amount = error or amount
        c.action = action if action is not None else ERROR

    def disarm(self):
        self.control.action = NONE

    @property
    def met(self):
        return self.control.met

    def count(self, call):
        return self.control.count[CALLS.index(call)]

    # -- loss of power

    def begin(self):
        """What the folder holds now is safe: the history begins here. No process may run on it,
        or it has synced all that it did."""
        if not self.history_path:
            return
        self.base, self.inodes = {}, {}
        for name in self.names():
            path = os.path.join(self.folder, name)
            with open(path, "rb") as f:
                self.base[name] = File(f.read())
                self.inodes[os.fstat(f.fileno()).st_ino] = self.base[name]
        self.offset = os.path.getsize(self.history_path) if os.path.exists(self.history_path) else 0

    def names(self):
        for top, _, files in os.walk(self.folder):
            for file in files:
                path = os.path.join(top, file)
                if os.path.isfile(path):
                    yield os.path.relpath(path, self.folder)

    def entries(self):
        """(position, kind, ino, at, len, bytes), counted on from where the process stood."""
        history = b""
        if os.path.exists(self.history_path):
            with open(self.history_path, "rb") as f:
                history = f.read()
        at = position = first = 0
        while at + HEADER.size <= len(history):
            magic, kind, ino, offset, length, size = HEADER.unpack_from(history, at)
            assert magic == MAGIC, f"history broken at {at}"
            begin = at + HEADER.size
            if begin + size > len(history):
                break  # the process died while it wrote this down
            if kind == BEGIN:  # a process, which counts from here
                first = position
            else:
                position += 1
            if kind in (SYNC, FORGET, SYNC_FOLDER):
                offset += first
            if at >= self.offset:
                yield position, kind, ino, offset, length, history[begin : begin + size]
            at = begin + size

    def mend(self):
        """Cuts what a killed process did not write down in full. Before the next one."""
        if not self.history_path or not os.path.exists(self.history_path):
            return
        with open(self.history_path, "r+b") as f:
            at, end = 0, os.path.getsize(self.history_path)
            while at + HEADER.size <= end:
                f.seek(at)
                size = HEADER.unpack(f.read(HEADER.size))[5]
                if at + HEADER.size + size > end:
                    break
                at += HEADER.size + size
            f.truncate(at)

    def play(self):
        """The files by inode, the safe names, and the unsynced changes of names in order."""
        files, safe, changes = self.inodes, dict(self.base), []
        for position, kind, ino, at, length, content in self.entries():
            if kind == CREATE:
                files[ino] = File()
                changes.append((position, None, content.decode(), files[ino]))
            elif kind in (BYTES, ZEROS, RESIZE):
                content = content if kind == BYTES else length
                files[ino].pending.append((position, kind, at, content))
            elif kind in (SYNC, FORGET):
                files[ino].sync(at, keep=kind == SYNC)
            elif kind == RENAME:
                old, new = content.decode().split("\0")
                changes.append((position, old, new, None))
            elif kind == UNLINK:
                changes.append((position, content.decode(), None, None))
            elif kind == SYNC_FOLDER:
                folder, kept = content.decode(), []
                for change in changes:
                    names = [n for n in change[1:3] if n]
                    inside = any(os.path.dirname(n) == folder for n in names)
                    if change[0] <= at and inside:
                        rename(safe, change)
                    else:
                        kept.append(change)
                changes = kept
        return files, safe, changes

    def lose_power(self, rng, keep=None):
        """Makes the folder what was synced, and of the rest each sector with the chance `keep`
        (None: drawn). The processes on it have ended. Then the history begins anew."""
        if keep is None:
            keep = rng.choice((0, 0, 0.2, 0.5, 0.9, 1))
        files, safe, changes = self.play()
        of_names = len(changes) if keep == 1 else rng.randint(0, len(changes)) if keep else 0
        for change in changes[:of_names]:
            rename(safe, change)
        for file in files.values():
            for change in file.pending:
                file.apply(change, lambda: rng.random() < keep)
            file.pending = []
        self.write_out(safe)
        if os.path.exists(self.history_path):
            os.unlink(self.history_path)
        self.begin()
        return keep

    def write_out(self, safe):
        for name in list(self.names()):
            os.unlink(os.path.join(self.folder, name))
        for name, file in safe.items():
            path = os.path.join(self.folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(file.safe)

    def differences(self):
        """Names whose bytes are not what the whole history amounts to: calls that passed unseen."""
        _, now, changes = self.play()
        for change in changes:
            rename(now, change)
        for file in now.values():
            for change in file.pending:
                file.apply(change)
        there = set(self.names())
        bad = set(now) ^ there
        for name in there & set(now):
            with open(os.path.join(self.folder, name), "rb") as f:
                if f.read() != now[name].safe:
                    bad.add(name)
        return sorted(bad)


def rename(names, change):
    _, old, new, file = change
    if old is not None:
        gone = names.pop(old, None)
        file = file or gone
    if new is not None and file is not None:
        names[new] = file


def default_library():
    build = os.environ.get("HARK_BUILD")
    root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    return os.path.join(build or os.path.join(root, "build"), "crash", "faulty.so")

"""A worker of a group, by python3-redis. What it is told and what it writes down: ../crew.py."""

import os
import time

import redis

SOCKET, VIEW, GROUP, NAME, LOG = (os.environ[name] for name in
                                  ("SOCKET", "VIEW", "GROUP", "NAME", "LOG"))
CLAIM_MS = int(os.environ["CLAIM_MS"])  # 0: it claims nothing
COUNT = 20
WORK_S = 0.002  # so that it is often killed between handling and acknowledging

log = os.open(LOG, os.O_WRONLY | os.O_APPEND)


def note(*words):
    os.write(log, (" ".join(map(str, words)) + "\n").encode())


def now_us():
    return time.time_ns() // 1000


def handle(r, how, life, asked_us, entries):
    if not entries:
        return
    note("batch", how, life, asked_us, now_us())
    for entry_id, fields in entries:
        note("entry", entry_id, fields["key"], fields["event"], fields["db"])
    time.sleep(WORK_S)
    ids = [entry_id for entry_id, _ in entries]
    # Fewer: a server that was killed since has forgotten that it gave them, and gives them again.
    if r.xack(VIEW, GROUP, *ids) == len(ids):
        note("acked", now_us(), *ids)


def read(r, how, life, start, **block):
    asked_us = now_us()
    reply = r.xreadgroup(GROUP, NAME, {VIEW: start}, count=COUNT, **block)
    entries = reply[0][1] if reply else []
    handle(r, how, life, asked_us, entries)
    return entries


def claim(r, life):
    asked_us = now_us()
    handle(r, "claimed", life, asked_us,
           r.xautoclaim(VIEW, GROUP, NAME, CLAIM_MS, "0", count=COUNT)[1])


def work(r):
    """First what it was given before, then what is new."""
    life = r.info("server")["run_id"]
    while read(r, "own", life, "0"):
        pass
    claim_at = 0
    while True:
        if CLAIM_MS and time.monotonic() >= claim_at:
            claim(r, life)
            claim_at = time.monotonic() + CLAIM_MS / 1000
        read(r, "new", life, ">", block=200)


while True:
    try:
        with redis.Redis(unix_socket_path=SOCKET, decode_responses=True,
                         single_connection_client=True) as connection:
            work(connection)
    except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
        time.sleep(0.01)

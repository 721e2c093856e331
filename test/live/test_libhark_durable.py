"""Durable subscriptions of libhark under kill -9, of the worker and of its server: every event is
handled; by a worker alone, in order. crew.py says what is true of workers whatever happens."""

import functools
import os

import pytest

import crew
import installed
from crew import Dues, Orders
from test_workers import play

pytestmark = pytest.mark.hark_only("Redis has no views")

LENGTHS = [pytest.param(4, id="short"), pytest.param(120, id="minutes", marks=pytest.mark.long)]


@functools.cache
def worker():
    program = os.path.join(installed.prefix(), "worker")
    lib = os.path.join(installed.prefix(), "lib")
    installed.run("gcc", "-O1", "-g", "-Wall", "-Wextra", *installed.SANITIZE,
                  *installed.pkg_config("--cflags"), "test/live/workers/worker.c", "-o", program,
                  *installed.pkg_config("--libs"), f"-Wl,-rpath,{lib}")
    return program


@pytest.fixture(autouse=True)
def with_c(monkeypatch):
    monkeypatch.setitem(crew.COMMANDS, "c", [worker()])


@pytest.mark.parametrize("tale", [Orders, Dues])
@pytest.mark.parametrize("seconds", LENGTHS)
def test_alone(start, tale, seconds):
    told = play(start, tale, ["c"], seconds, claim_ms=0)
    assert told.batches
    crew.check_single(told)


@pytest.mark.parametrize("tale", [Orders, Dues])
@pytest.mark.parametrize("seconds", LENGTHS)
def test_among_others(start, tale, seconds):
    told = play(start, tale, ["c", "c", "python"], seconds)
    assert {b.worker.kind for b in told.batches} == {"c", "python"}

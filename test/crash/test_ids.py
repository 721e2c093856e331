"""No id is given twice, also when all that was ever told of it is forgotten."""

import random

import pytest

from clients import event_of
from server import Server

VIEW = "__keyspace@0__:*"


@pytest.mark.parametrize("sync", ["no", "everysec"])
def test_ids_increase_over_forgotten_epochs(sync):
    server = Server({"appendfsync": sync, "save": "", "journal-segment-bytes": "1mb"}, faulty=True)
    asker = server.start()
    asker("SET", "first", "1")
    server.terminate()
    server.wait()
    last = (0, 0)
    for epoch in range(6):
        asker = server.start()
        assert asker("DBSIZE") == 1, "the power has not taken enough for this test"
        for i in range(3):
            asker("SET", f"forgotten:{i}", "1")
        ids = [event_of(e)[0] for e in asker("XRANGE", VIEW, "-", "+")]
        assert ids == sorted(set(ids))
        assert ids[1] > last, f"{ids[1]} in epoch {epoch}, after {last}"
        last = ids[-1]
        server.kill()
        server.wait()
        server.disk.lose_power(random.Random(0), keep=0)
    server.remove()

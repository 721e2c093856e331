"""No change that the server makes to its files passes the disk of faulty.c unseen."""

import pytest

from server import Server


@pytest.mark.parametrize("sync", ["always", "everysec"])
def test_history_is_what_the_folder_holds(sync):
    server = Server({"appendfsync": sync, "save": "", "journal-segment-bytes": "1mb"}, faulty=True)
    for end in (server.kill, server.terminate):
        asker = server.start()
        for _ in range(4):
            asker.all([("SET", b"k%d" % i, b"v" * 1000) for i in range(600)])
        end()
        server.wait()
        assert server.disk.count("write") > 0 and server.disk.count("sync") > 0
        assert server.disk.differences() == []
    server.remove()

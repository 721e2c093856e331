"""Fixtures of the live tests; see harness.py for what they give."""

import pytest

from harness import Server, is_redis


def pytest_configure(config):
    config.addinivalue_line("markers", "settings(**directives): of the server of this test")
    config.addinivalue_line("markers", "memory(mb): by how much the server may grow")
    config.addinivalue_line("markers", "hark_only(why): Redis 7.0 does not do this")


def pytest_collection_modifyitems(items):
    if not is_redis():
        return
    for item in items:
        marker = item.get_closest_marker("hark_only")
        if marker:
            item.add_marker(pytest.mark.skip(reason=marker.args[0]))


@pytest.fixture
def start():
    """Starts servers with given settings; all of them end with the test."""
    servers = []

    def start_one(**settings):
        settings = {name.replace("_", "-"): value for name, value in settings.items()}
        servers.append(Server(settings))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


@pytest.fixture
def server(request, start):
    """A server of this test alone; `@pytest.mark.settings(slowlog_max_len=3)` sets directives."""
    marker = request.node.get_closest_marker("settings")
    return start(**(marker.kwargs if marker else {}))


@pytest.fixture
def connect(server):
    """Connects to it: connect(), connect(proto=3)."""
    return server.connect

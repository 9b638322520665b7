import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import ThreadingHTTPServer

import pytest
from tests.support.eventually import eventually

from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import READY_PATH, REPORT_PATH, ModelNumber, ReplicaReport
from sdp_serving.puller.report_server import Board, start

NOTHING = ReplicaReport(component=Component.DECODER, rollout="1")


@pytest.fixture
def board() -> Board:
    return Board(NOTHING)


@pytest.fixture
def server(board: Board) -> Iterator[ThreadingHTTPServer]:
    started = start(0, board)
    yield started
    started.shutdown()
    started.server_close()


def get(server: ThreadingHTTPServer, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_tells_what_the_board_shows(server: ThreadingHTTPServer, board: Board) -> None:
    status, body = get(server, REPORT_PATH)
    assert (status, ReplicaReport.model_validate_json(body)) == (200, NOTHING)
    assert get(server, READY_PATH)[0] == 503

    serving = NOTHING.model_copy(update={"serving": ModelNumber(5)})
    board.show(serving, ready=True)

    assert ReplicaReport.model_validate_json(get(server, REPORT_PATH)[1]) == serving
    assert get(server, READY_PATH)[0] == 200
    assert get(server, "/")[0] == 404


def test_who_drips_a_request_holds_up_nobody(server: ThreadingHTTPServer) -> None:
    dripping: list[socket.socket] = []
    try:
        for _ in range(40):
            dripping.append(socket.create_connection(("127.0.0.1", server.server_address[1])))
            for connection in dripping:
                with suppress(OSError):  # It has been hung up on.
                    connection.send(b"G")

            assert get(server, READY_PATH)[0] == 503
        eventually(lambda: threading.active_count() < 25, "no more than a few of them are listened to")
    finally:
        for connection in dripping:
            connection.close()

import http.client
import socket
from collections.abc import Iterator
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


def test_who_asks_nothing_holds_up_nobody_for_long(server: ThreadingHTTPServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.server_address[1])) for _ in range(40)]
    try:

        def is_answered() -> bool:
            try:
                return get(server, READY_PATH)[0] == 503
            except (OSError, http.client.HTTPException):
                return False

        eventually(is_answered, "an answer beside 40 idle connections")
    finally:
        for connection in idle:
            connection.close()

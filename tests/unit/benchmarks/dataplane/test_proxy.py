"""The line that counts."""

import socket
import threading

from benchmarks.dataplane.proxy import counting

from sdp_serving.servers.transport import Address


def test_a_line_counts_what_passes_both_ways() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as request:
                request.read()
                connection.sendall(b"!" * 1_000_000)

        answering = threading.Thread(target=answer)
        answering.start()
        with (
            counting(Address("127.0.0.1", server.getsockname()[1])) as line,
            socket.create_connection(line.address) as client,
            client.makefile("rb") as answered,
        ):
            client.sendall(b"?" * 70_000)
            client.shutdown(socket.SHUT_WR)
            received = len(answered.read())
        answering.join()

    assert (received, line.sent, line.received) == (1_000_000, 70_000, 1_000_000)


def test_a_line_ends_though_its_client_stays() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        counting(Address("127.0.0.1", server.getsockname()[1])) as line,
    ):
        client = socket.create_connection(line.address)
        server.accept()[0].close()
    with client:
        assert client.recv(1) == b""

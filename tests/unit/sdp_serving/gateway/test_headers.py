from multidict import CIMultiDict

from sdp_serving.gateway import headers


def test_headers_for_the_next_hop_stay_behind_and_all_others_travel_on() -> None:
    sent = CIMultiDict(
        {
            "Host": "sd.example.com",
            "Expect": "100-continue",
            "Connection": "keep-alive, X-Mine",
            "Keep-Alive": "timeout=5",
            "X-Mine": "1",
            "Transfer-Encoding": "chunked",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Accept-Encoding": "gzip",
        }
    )

    assert dict(headers.of_request(sent)) == {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Accept-Encoding": "gzip",
    }


def test_every_value_of_a_header_that_comes_twice_travels_on_in_its_order() -> None:
    answered = CIMultiDict([("Warning", "one"), ("Connection", "close"), ("Warning", "two"), ("Content-Length", "5")])

    assert list(headers.of_answer(answered).items()) == [
        ("Warning", "one"),
        ("Warning", "two"),
        ("Content-Length", "5"),
    ]


def test_headers_that_one_of_several_connection_headers_names_stay_behind() -> None:
    answered = CIMultiDict([("Connection", "X-One"), ("Connection", "X-Two"), ("X-One", "1"), ("x-two", "2")])

    assert not headers.of_answer(answered)

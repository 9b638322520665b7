import pytest

from sdp_serving.standin.flags import Flags, UnusableFlagsError, parse, usage, without_effect


def test_no_arguments_give_tensorflow_servings_defaults() -> None:
    flags = parse([])

    assert (flags.port, flags.rest_api_port, flags.rest_api_timeout_in_ms) == (8500, 0, 30000)
    assert (flags.max_num_load_retries, flags.load_retry_interval_micros) == (5, 60_000_000)
    assert (flags.model_name, flags.file_system_poll_wait_seconds, flags.enable_profiler) == ("default", 1, True)


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--port=1234", "port", 1234),
        ("--model_name=decoder", "model_name", "decoder"),
        ("--model_base_path=/models/a=b", "model_base_path", "/models/a=b"),
        ("--per_process_gpu_memory_fraction=0.5", "per_process_gpu_memory_fraction", 0.5),
        ("--enable_batching", "enable_batching", True),
        ("--enable_batching=true", "enable_batching", True),
        ("--enable_profiler=false", "enable_profiler", False),
        ("--enable_profiler=0", "enable_profiler", False),
    ],
)
def test_a_flag_is_read_by_its_type(argument: str, name: str, value: object) -> None:
    assert getattr(parse([argument]), name) == value


@pytest.mark.parametrize(
    "argument", ["--unknown=1", "port=1", "-port=1", "--port", "--port=", "--enable_batching=yes", "model", "--"]
)
def test_anything_else_is_refused_by_name(argument: str) -> None:
    with pytest.raises(UnusableFlagsError, match=argument):
        parse([argument])


def test_the_last_of_equal_flags_holds() -> None:
    assert parse(["--port=1", "--port=2"]).port == 2


def test_only_flags_that_were_set_and_do_nothing_are_told() -> None:
    flags = parse(["--enable_profiler=false", "--enable_model_warmup=true", "--port=1"])

    assert without_effect(flags) == ["--enable_profiler=false"]
    assert without_effect(Flags()) == []


def test_the_usage_lists_every_flag_with_its_default() -> None:
    text = usage("server")

    assert "--rest_api_timeout_in_ms=30000" in text
    assert "--enable_profiler=true\tbool\toffer TensorFlow's profiler (no effect in the stand-in)" in text

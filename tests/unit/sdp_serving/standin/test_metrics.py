import pytest

from sdp_serving.standin.errors import Code
from sdp_serving.standin.metrics import Metrics, metrics_path


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ("", None),
        ("prometheus_config { enable: false }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config: {\n  enable: true,\n  path: "/metrics"\n}', "/metrics"),
    ],
)
def test_the_monitoring_config_says_where_the_metrics_are(config: str, path: str | None) -> None:
    assert metrics_path(config) == path


def test_a_request_is_in_every_bucket_from_its_duration_up() -> None:
    metrics = Metrics()
    metrics.count("m", "GRPC", Code.OK, 15e-6)
    metrics.count("m", "GRPC", Code.INTERNAL, 1)

    lines = metrics.render().splitlines()

    labels = 'model_name="m",API="predict",entrypoint="GRPC"'
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="10"}} 0' in lines
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="18"}} 1' in lines
    assert f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 1' in lines
    assert f":tensorflow:serving:request_latency_sum{{{labels}}} 15" in lines
    assert ':tensorflow:serving:request_count{model_name="m",status="INTERNAL"} 1' in lines

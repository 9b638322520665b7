"""The Service in front of a component's model servers, and where it answers."""

from sdp_operator.api.v1alpha1 import Endpoints, Pipeline, ServiceOptions
from sdp_operator.desired.identity import metadata, selector
from sdp_operator.objects import Key, KubeObject
from sdp_serving.contract.components import GRPC_PORT, REST_PORT, Component


def service(pipeline: Pipeline, part: str, options: ServiceOptions) -> KubeObject:
    """The Service of a component, or of the canary: TensorFlow Serving's two ports, under their names."""
    annotations = {"annotations": dict(options.annotations)} if options.annotations else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**metadata(pipeline, part), **annotations},
        "spec": {
            "type": options.type,
            "selector": selector(pipeline, part),
            "ports": [
                _port("grpc", GRPC_PORT, "kubernetes.io/h2c"),
                _port("rest", REST_PORT, "http"),
            ],
        },
    }


def endpoints(owner: Key, component: Component) -> Endpoints:
    """Where the Service of the pipeline that runs the component answers inside the cluster."""
    host = service_host(owner, component)
    return Endpoints(grpc=f"{host}:{GRPC_PORT}", rest=f"http://{host}:{REST_PORT}/v1/models/{component}")


def service_host(owner: Key, part: str) -> str:
    """The name inside the cluster of the Service of a part of the pipeline."""
    return f"{owner.name}-{part}.{owner.namespace}.svc"


def _port(name: str, number: int, protocol: str) -> KubeObject:
    return {"name": name, "port": number, "targetPort": name, "protocol": "TCP", "appProtocol": protocol}

"""The gateway: one address in front of a pipeline's model servers."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sdp_operator.api.v1alpha1.base import (
    ATOMIC,
    DNS_LABEL,
    SET,
    Annotations,
    Image,
    Model,
    NamespaceName,
    ObjectName,
    Resources,
    rules,
)
from sdp_operator.api.v1alpha1.serving import Overrides, ServiceOptions

Host = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        json_schema_extra=rules(
            (
                rf"self.matches(r'^(\*\.)?{DNS_LABEL}(\.{DNS_LABEL})*$') && !self.matches(r'^[0-9.]+$')",
                "a host is a name of DNS and no address: write one such as sd.example.com or *.example.com",
            )
        ),
    ),
]


class GatewayAuth(Model):
    """Who may use the gateway."""

    secret_name: ObjectName
    """A Secret of the pipeline's namespace: each of its keys names a client, and the value is that client's API key.
    What is changed there holds within two minutes, without a restart. The operator never reads it."""


class GatewayLimits(Model):
    """How many requests for pictures a gateway takes; what is beyond is answered 429. After its time, a request that
    still waits is answered 503, and one that is being drawn 504."""

    queue_length: Annotated[int, Field(ge=1, le=100_000)] = 64
    """How many requests may wait in each gateway."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many requests of one client each gateway takes in a minute: a client is an API key or, without auth, an
    address. Left out, as many as it sends."""

    request_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 600
    """How long a request may take in all, its wait included."""


class GatewayService(ServiceOptions):
    """The Service in front of the gateways."""

    session_affinity: Literal["ClientIP", "None"] | None = None
    """Whether a client's address gets the same gateway each time, which alone has the pictures that it gave URLs of.
    Left out, it does where there are several gateways."""


class GatewayIngress(Model):
    """An Ingress that leads to the gateway from outside the cluster."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.className) && has(self.annotations) && 'kubernetes.io/ingress.class' in self.annotations)",
                "the class is named by className and by the annotation kubernetes.io/ingress.class: remove the"
                " annotation",
            )
        )
    )

    host: Host
    """The host name that it answers to."""

    class_name: ObjectName | None = None
    """The IngressClass; left out, the cluster's default."""

    tls_secret_name: ObjectName | None = None
    """The Secret with the host's certificate; left out, plain HTTP."""

    annotations: Annotations | None = None
    """Annotations of the Ingress."""


class ParentReference(Model):
    """A Gateway of the Gateway API."""

    name: ObjectName
    """The Gateway's name."""

    namespace: NamespaceName | None = None
    """Its namespace; left out, the pipeline's."""

    section_name: ObjectName | None = None
    """One of its listeners; left out, all."""


class GatewayRoute(Model):
    """An HTTPRoute of the Gateway API that leads to the gateway from outside the cluster."""

    parent_refs: Annotated[tuple[ParentReference, ...], Field(min_length=1, max_length=8, json_schema_extra=ATOMIC)]
    """The Gateways that it is attached to."""

    hostnames: Annotated[tuple[Host, ...], Field(min_length=1, max_length=16, json_schema_extra=SET)]
    """The host names that it answers to."""


class GatewaySpec(Model):
    """One address in front of the model servers, by HTTP."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "!(has(self.ingress) && has(self.route))",
                "the gateway is reached by an ingress or by a route: remove one of them",
            )
        )
    )

    enabled: bool = True
    """Whether there is a gateway."""

    replicas: Annotated[int, Field(ge=0, le=100)] = 1
    """How many gateways share the requests."""

    image: Image | None = None
    """The gateway's image; left out, the operator's default."""

    resources: Resources | None = None
    """CPU and memory of the gateway. Half of its memory's limit is for the bodies of requests that wait."""

    auth: GatewayAuth | None = None
    """Who may use the gateway; left out, whoever reaches it."""

    limits: GatewayLimits = GatewayLimits()
    """How many requests for pictures a gateway takes."""

    hold_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    """How long requests wait for a component that is away, as during a swap by Drain; 0: they fail at once."""

    service: GatewayService = GatewayService()
    """The Service in front of the gateways."""

    ingress: GatewayIngress | None = None
    """Leads to the gateway from outside the cluster; left out, there is no Ingress."""

    route: GatewayRoute | None = None
    """Leads to the gateway by the Gateway API, which the cluster must have; left out, there is no HTTPRoute."""

    overrides: Overrides | None = None
    """What is added to the gateway's pods, or set otherwise."""

# The operator.
#   docker build .
# Any Debian bookworm with python3 and python3-venv will do, as will the same image under a mirror's name.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# hadolint ignore=DL3006  (the tag is in the argument)
FROM ${PYTHON_IMAGE} AS build
# The bytecode is compiled now: a container whose root is read-only would compile it again at every start.
ENV UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    PIP_DISABLE_PIP_VERSION_CHECK=1
# uv has an environment of its own: Debian's Python refuses packages outside of one (PEP 668).
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9 \
    && python3 -m venv --without-pip /opt/venv
WORKDIR /src
# Dependencies before sources: a change of the sources does not install them again.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --locked --no-dev --no-install-project --no-cache --extra operator
COPY serving/sdp_serving/__init__.py /opt/app/sdp_serving/
COPY serving/sdp_serving/contract /opt/app/sdp_serving/contract
COPY operator/sdp_operator /opt/app/sdp_operator
RUN /opt/venv/bin/python -m compileall -q /opt/app

# hadolint ignore=DL3006  (the tag is in the argument)
FROM ${PYTHON_IMAGE}
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/app /opt/app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/app \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["python", "-m", "sdp_operator"]
CMD ["run"]

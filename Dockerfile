# syntax=docker/dockerfile:1
# The operator. Any Debian with Python 3.11 or later and its venv module will do as PYTHON_IMAGE.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# A virtual environment of its own for uv: Debian's Python refuses to have packages installed beside its own.
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock ./
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_PYTHON=python3 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN /opt/uv/bin/uv sync --locked --no-cache --no-dev --no-install-project --extra operator

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/venv /opt/venv
# The code comes last, so that a change of it builds in seconds.
COPY operator/sdp_operator /app/sdp_operator
COPY serving/sdp_serving/__init__.py /app/sdp_serving/__init__.py
COPY serving/sdp_serving/contract /app/sdp_serving/contract
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "sdp_operator"]
CMD ["run"]

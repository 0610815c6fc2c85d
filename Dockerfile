# The gateway as an image: `docker build --tag accrue .`
#
# It runs as a numeric user without any right, needs no writable file system but /data, and lets nobody in until it is
# told whom: ACCRUE_AUTH__MODE=keys, or ACCRUE_AUTH__ALLOW_PUBLIC=true where only those who are meant reach its port.
# compose.yaml and deploy/kubernetes/ run several; docs/scaling.md says what else they need.

# Where it matters, by digest: --build-arg PYTHON=python@sha256:...
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# What is pinned changes seldom: a layer of its own. Wheels alone, so that nothing of another is run while building.
COPY requirements/build.txt requirements/image.txt requirements/
RUN python -m venv --without-pip /venv
RUN pip --python /venv install --require-hashes --only-binary :all: -r requirements/image.txt
RUN pip install --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
RUN pip wheel --no-deps --no-build-isolation --wheel-dir wheels .
RUN pip --python /venv install --no-deps --no-index --find-links wheels accrue

FROM ${PYTHON}
RUN install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /venv /venv
WORKDIR /etc/accrue
COPY config.yaml ./
COPY policies policies
# Whatever a library or SQLite wants to put somewhere for a moment goes to the one place that can be written.
ENV PATH=/venv/bin:${PATH} HOME=/data TMPDIR=/data \
    ACCRUE_DATA_DIR=/data \
    ACCRUE_SERVER__HOST=0.0.0.0 \
    ACCRUE_TELEMETRY__LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8080
# Alive, not well: a gateway without memory still serves, and /readyz and /metrics tell of it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["python", "-c", \
    "from http.client import HTTPConnection as To; c = To('127.0.0.1', 8080, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["accrue"]
CMD ["serve"]

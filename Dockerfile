# pfcon's image: the service, and what PFCON_OP_IMAGE names (copy, upload and delete jobs).
#   docker build -t local/pfcon:1 .
# BASE is any image with python3 3.11 to 3.13 and its modules venv and ensurepip. The digest is that of the image for all
# processors; this prints today's:
#   docker buildx imagetools inspect python:3.13-slim --format '{{.Manifest.Digest}}'
# Packages are those of requirements/image.lock, by their hashes. Without PyPI, pip takes wheels from ./wheels:
# --build-arg PIP_NO_INDEX=1 (tests/engines/operations_image.sh). Nothing here needs BuildKit.
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
LABEL org.chrisproject.pfcon.stage="build"
ARG PIP_NO_INDEX
COPY . /src
# The environment gets no pip of its own: another one, that stays here, fills it. What builds pfcon leaves again.
RUN python3 -m venv /opt/pip \
    && python3 -m venv --without-pip /opt/pfcon \
    && pip="/opt/pip/bin/pip --python /opt/pfcon/bin/python --no-cache-dir --disable-pip-version-check" \
    && mkdir -p /src/wheels \
    && $pip install --require-hashes --only-binary :all: --find-links /src/wheels -r /src/requirements/image.lock \
    && $pip install --no-index --no-deps --no-build-isolation /src \
    && $pip uninstall --yes setuptools

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="pfcon" \
      org.opencontainers.image.description="Job controller of the ChRIS platform" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
ENV PATH=/opt/pfcon/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/pfcon /opt/pfcon
# A new volume that is mounted at storeBase takes over the directory's owner.
# What the base lacks, and a wrong version label, have to fail here rather than where it is deployed.
RUN mkdir -p /var/local/storeBase \
    && chown 1001:1001 /var/local/storeBase \
    && test "$(pfcon --version)" = "pfcon ${VERSION}" \
    && python3 -c "import pfcon.app, pfcon.server, boto3, docker, keystoneauth1, psycopg, swiftclient" \
    && python3 -m pfcon.operations --help >/dev/null
# In numbers, so that Kubernetes can see that it is not root.
USER 1001:1001
EXPOSE 5005
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["pfcon", "health"]
CMD ["pfcon", "serve"]

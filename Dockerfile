# Images of pfcon. Without a registry, BASE is any image with python3 3.11 or newer:
#   docker build --target operations --build-arg BASE=local/pfcon-test:1 -t local/pfcon-operations:1 .
# Nothing here needs BuildKit.
ARG BASE=docker.io/library/python:3.13-slim

# For PFCON_OP_IMAGE: runs copy, upload and delete jobs, with the standard library alone.
FROM ${BASE} AS operations
COPY pfcon /opt/pfcon/pfcon
ENV PYTHONPATH=/opt/pfcon PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Jobs run as any user; and an import that the base can't serve has to fail here rather than in each job.
RUN chmod -R a+rX /opt/pfcon \
    && python3 -m compileall -q /opt/pfcon \
    && python3 -m pfcon.operations --help >/dev/null
ENTRYPOINT ["python3", "-m", "pfcon.operations"]

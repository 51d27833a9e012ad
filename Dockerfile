# Two images: `docker build --target operator .` and `docker build --target probe .`.
# Byte code is compiled unchecked: image builders set file times, which silently voids time-stamped byte code, and on a read-only
# root every start would compile everything again. -f: what is there already is time-stamped and would be left as it is.

FROM python:3.11-slim AS base
RUN python -m compileall -q -f --invalidation-mode unchecked-hash /usr/local/lib/python3.11

FROM base AS builder
WORKDIR /src
RUN python -m venv /opt/pathcheck
COPY requirements.lock ./
RUN /opt/pathcheck/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.lock
# Copied, not installed: a build would fetch a build tool that no lock file names, and there is nothing in the package to build.
COPY operator/pathcheck /opt/pathcheck/lib/python3.11/site-packages/pathcheck
RUN /opt/pathcheck/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/pathcheck/lib
# The probe takes nothing from the rest of the package, so that its image has nothing else in it.
RUN mkdir -p /probe/pathcheck && touch /probe/pathcheck/__init__.py && cp -r /opt/pathcheck/lib/python3.11/site-packages/pathcheck/probe /probe/pathcheck/ \
 && python -m compileall -q -f --invalidation-mode unchecked-hash /probe

FROM base AS operator
LABEL org.opencontainers.image.title="pathcheck-operator" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /opt/pathcheck /opt/pathcheck
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/pathcheck/bin/python", "-m", "pathcheck"]
CMD ["run"]

FROM base AS probe
LABEL org.opencontainers.image.title="pathcheck-probe" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /probe /opt/probe
ENV PYTHONPATH=/opt/probe
USER 65532:65532
ENTRYPOINT ["python3", "-m", "pathcheck.probe"]

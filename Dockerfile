FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 kvartal && mkdir /data && chown kvartal /data
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY metering metering
COPY ingest ingest
COPY streams streams
COPY storage storage
COPY dashboards dashboards
COPY simulators simulators
COPY kvartal kvartal
RUN pip install --no-cache-dir .
USER kvartal
VOLUME /data
ENTRYPOINT ["kvartal"]
CMD ["--help"]

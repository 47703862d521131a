# Build and runtime images are arguments, so that they can come from any registry. The compiler is that of the image:
# rust-toolchain.toml stays outside, since it would download the components that only developers need.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
# Scanners read the list of dependencies from the program itself, or from the file beside it.
RUN cargo install --locked cargo-auditable@0.7.7 cargo-cyclonedx@0.5.9
WORKDIR /src
# Dependencies are built from the manifests and empty sources: this layer stays until a manifest changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY simulator/Cargo.toml simulator/
RUN mkdir -p src simulator/src tests/it benches/ingest benches/questions \
 && touch src/lib.rs simulator/src/lib.rs tests/it/main.rs \
 && for main in src benches/ingest benches/questions; do echo 'fn main() {}' > $main/main.rs; done \
 && cargo auditable build --profile dist --locked --bin tributary --no-default-features --features parquet
COPY . .
ARG TRIBUTARY_COMMIT=
# Without the feature `demo`: a production image contains no simulated providers.
RUN touch src/lib.rs src/main.rs \
 && cargo auditable build --profile dist --locked --bin tributary --no-default-features --features parquet \
 && cargo cyclonedx --format json --no-default-features --features parquet --override-filename sbom.cdx

FROM ${RUNTIME_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin tributary
COPY --from=build /src/target/dist/tributary /usr/local/bin/tributary
COPY --from=build /src/sbom.cdx.json /usr/share/doc/tributary/
USER 10001:10001
# Keys are required at 8080, since others can reach it. 8081 answers probes and /metrics without one: do not publish it.
ENV TRIBUTARY_SERVER__LISTEN=0.0.0.0:8080 TRIBUTARY_SERVER__OPS_LISTEN=0.0.0.0:8081
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8081 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["tributary"]
CMD ["serve"]

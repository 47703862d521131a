# Build and runtime images are arguments, so that they can come from any registry.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Without the feature `demo`: a production image contains no simulated providers.
ARG TRIBUTARY_COMMIT=
RUN cargo build --profile dist --locked --bin tributary --no-default-features --features parquet

FROM ${RUNTIME_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 tributary
COPY --from=build /src/target/dist/tributary /usr/local/bin/tributary
USER tributary
ENTRYPOINT ["tributary"]
CMD ["serve"]

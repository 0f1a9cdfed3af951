# MinIO from its Go module, as `npm run servers` builds it: its newer releases come as no image.
FROM golang:1.26-bookworm AS build
ARG MINIO_VERSION
RUN test -n "$MINIO_VERSION" && CGO_ENABLED=0 GOBIN=/out go install -ldflags="-s -w" github.com/minio/minio@${MINIO_VERSION}

FROM busybox:1.37.0-glibc
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/minio /usr/bin/minio
ENTRYPOINT ["/usr/bin/minio"]

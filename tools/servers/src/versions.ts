// The one place that says which servers Tidemark runs on. The compose file names the same ones, and a test holds it to them.

export const KAFKA_VERSION = '4.1.2'
export const CASSANDRA_VERSION = '5.0.9'
/** MinIO by Go module version: its releases are no longer published as images or packages. */
export const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c'
/** Upstream version; of Debian's revisions of it the newest is taken, which brings security fixes only. */
export const REDIS_VERSION = '7.0.15'
/** The newest that runs on Java 17. */
export const APICURIO_VERSION = '2.6.13.Final'
/** Debian's Prometheus, of which only promtool is used. Rules mean the same to it and to the image of the compose file. */
export const PROMTOOL_VERSION = '2.42.0'

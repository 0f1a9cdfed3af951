// Every metric there is: the one list, which docs/metrics.md, dashboards and alert rules are held to. Names say what is counted and its unit, last; times
// are seconds, as Prometheus has them, and a moment is in seconds since 1970. Each series also has the label `service`. No label ever holds an entity,
// an offset or anything else that there may be very many of.

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface MetricDescription {
  readonly kind: MetricKind
  readonly help: string
  readonly labels: readonly string[]
  /** Of a histogram: upper bounds of its buckets, ascending. */
  readonly bounds?: readonly number[]
}

/** Of what a client waits for, seconds. */
const LATENCY_BOUNDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const
/** From an event's append time on, seconds. */
const AGE_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300] as const
/** Of work that nobody waits for, seconds. */
const WORK_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600] as const

const counter = <const L extends readonly string[]>(help: string, ...labels: L) => ({ kind: 'counter', help, labels }) as const
const gauge = <const L extends readonly string[]>(help: string, ...labels: L) => ({ kind: 'gauge', help, labels }) as const
const histogram = <const L extends readonly string[]>(bounds: readonly number[], help: string, ...labels: L) => ({ kind: 'histogram', help, labels, bounds }) as const

export const METRICS = {
  // ---- Every service: its process ------------------------------------------------------------------------------------------
  tidemark_build_info: gauge('1, of what runs.', 'version', 'node'),
  tidemark_process_start_time_seconds: gauge('When the process started.'),
  tidemark_process_cpu_seconds_total: counter('Processor time of the process.', 'mode'),
  tidemark_process_resident_memory_bytes: gauge('Memory of the process that is resident.'),
  tidemark_process_memory_limit_bytes: gauge('The most that it may be: what its container may have, else what the machine has.'),
  tidemark_process_heap_used_bytes: gauge("Of JavaScript's heap, what is used."),
  tidemark_process_external_memory_bytes: gauge('Memory outside of the heap that its objects hold, buffers included.'),
  tidemark_process_open_files: gauge('File descriptors, connections included.'),
  tidemark_event_loop_delay_seconds: gauge('How late timers fire, over the last minute at most.', 'quantile'),
  tidemark_event_loop_busy_seconds_total: counter('How long the event loop was not idle.'),
  tidemark_gc_seconds_total: counter('How long garbage was collected.', 'kind'),
  // ---- Every service: its life ---------------------------------------------------------------------------------------------
  tidemark_ready: gauge('1 where /readyz says ready, else 0.'),
  tidemark_server_away: gauge('1 of a server that is waited for, or does not answer; others have no series.', 'server'),
  tidemark_alarms_total: counter('Alarms that were raised, which the log has too.', 'code'),
  tidemark_log_lines_total: counter('Lines that were logged.', 'level'),
  tidemark_log_lines_lost_total: counter('Lines that could not be written.'),
  tidemark_spans_total: counter('Spans of traces that were sampled: `ended`, `sent`, `lost`; those that found the queue full are only ended.', 'result'),
  tidemark_definitions_revision: gauge('Of the definitions that it works with; it rises with each change.'),
  // ---- Every service: the servers that it asks -----------------------------------------------------------------------------
  tidemark_server_call_seconds: histogram(LATENCY_BOUNDS, 'How long calls took that ended well, their wait for a turn, or for records, included.', 'server', 'call'),
  tidemark_server_call_errors_total: counter('Calls that failed.', 'server', 'code'),
  tidemark_server_calls_active: gauge('Calls that were asked for and have not ended.', 'server'),
  tidemark_server_calls_waiting: gauge('Of them, those that wait for a turn, where calls take turns: of `log` its appends.', 'server'),
  tidemark_server_calls_max: gauge('How many may be under way at once.', 'server'),
  // ---- Archiver ------------------------------------------------------------------------------------------------------------
  tidemark_archive_records_total: counter('Records that were taken into segments.', 'source'),
  tidemark_archive_bytes_total: counter('Bytes of the segments that this archiver sealed.', 'source'),
  tidemark_archive_lag_records: gauge("Positions of the log that this archiver has not read, of each partition that it has opened.", 'source', 'partition'),
  tidemark_archive_epoch_seconds: gauge('How long an epoch is.', 'source'),
  tidemark_archive_sealed_through_seconds: gauge('When the last epoch that is sealed ended.', 'source'),
  tidemark_archive_unsealed_age_seconds: gauge('How long ago that was: it rises up to an epoch, the declared skew and a step, and beyond where sealing stands still.', 'source'),
  tidemark_relay_lag_records: gauge("Records of the producers' topic that are not relayed.", 'source', 'partition'),
  // ---- Speed layer ---------------------------------------------------------------------------------------------------------
  tidemark_speed_events_total: counter('Records that were polled and folded.', 'source'),
  tidemark_speed_dead_letters_total: counter('Records that became dead letters.', 'source'),
  tidemark_speed_lag_records: gauge('Positions of the log that are not folded, of each partition that it owns.', 'source', 'partition'),
  tidemark_speed_lag_seconds: gauge('How long ago what is folded was known to be all that the log had, or since it was assigned, where it was not so yet; at rest it is looked each second.', 'source', 'partition'),
  tidemark_speed_step_seconds: histogram(LATENCY_BOUNDS, 'From a poll that brought records until all of them were written.', 'source'),
  tidemark_speed_redone_writes_total: counter('Writes that found something else than what was read, and were made anew.', 'source'),
  tidemark_speed_stopped_partitions: gauge('Partitions that it owns and that stand still until somebody does what the alarm says.', 'source', 'code'),
  tidemark_speed_partitions: gauge('Partitions that it owns.', 'source'),
  tidemark_speed_buckets: gauge('Buckets whose fences it holds.', 'source'),
  tidemark_freshness_seconds: histogram(AGE_BOUNDS, "From an event's append time until answers have it.", 'source'),
  // ---- Batch layer ---------------------------------------------------------------------------------------------------------
  tidemark_batch_runs_total: counter('Runs that ended: `published`, `nothing-due`, `lost` to another worker, or the code of the error.', 'view', 'result'),
  tidemark_batch_step_seconds: histogram(WORK_BOUNDS, 'How long the steps of runs took.', 'view', 'step'),
  tidemark_batch_generation: gauge('The generation that the pointer names.', 'view'),
  tidemark_batch_cut_seconds: gauge('When the last epoch of that generation ended.', 'view'),
  tidemark_batch_cut_age_seconds: gauge('How long ago that was.', 'view'),
  tidemark_batch_epochs_behind: gauge('Epochs that are sealed and not in that generation; not known before the first one.', 'view'),
  tidemark_batch_gate_closed: gauge('1 while the last run did not pass its quality gate, else 0.', 'view'),
  tidemark_batch_jobs: gauge('Jobs of its queue as this process saw it last: `waiting`, also for a later time, or `active`, which a worker has.', 'view', 'state'),
  tidemark_batch_running: gauge('1 while this process makes a generation, else 0.', 'view'),
  // ---- Serving layer -------------------------------------------------------------------------------------------------------
  tidemark_serving_requests_total: counter('Questions: `answered`, `degraded`, or the code of the error that they got.', 'outcome'),
  tidemark_serving_request_seconds: histogram(LATENCY_BOUNDS, 'From a question, once its head is here, until its answer is made.'),
  tidemark_serving_values_total: counter('Values in answers.', 'status'),
  tidemark_serving_degraded_total: counter('Why answers were degraded.', 'code'),
  tidemark_serving_lag_seconds: histogram(AGE_BOUNDS, 'Of each answer and view, how far the speed layer was behind.'),
  tidemark_serving_batch_reads_total: counter('Batch blobs that were asked for, by where they were: `memory`, `cache`, `store`.', 'where'),
  tidemark_serving_view_whole: gauge('1 where the version of a view is whole, so that it is answered with, else 0.', 'view'),
  tidemark_serving_cache_closed: gauge('1 while the shared cache is not asked, since it did not answer; else 0.'),
  tidemark_serving_refused_total: counter('Requests of whoever is not known, or may not: `UNAUTHENTICATED`, `FORBIDDEN`.', 'code'),
  tidemark_serving_events_total: counter('Events that came over HTTP and are in the log.', 'source'),
} as const satisfies Readonly<Record<`tidemark_${string}`, MetricDescription>>

export type MetricName = keyof typeof METRICS
export type NameOf<K extends MetricKind> = { [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never }[MetricName]
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>

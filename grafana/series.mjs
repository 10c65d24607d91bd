// Every series that a dashboard may use, with its labels. Nothing else in this folder spells out a name, and the check
// `monitoring` compares this list with the series that the programs export.

const LATENCY = ['customer', 'strategy', 'le'];
const CALL = ['grpc_service', 'grpc_method', 'grpc_type'];

const LABELS = {
  // The proxy: requests and customers.
  smartbatch_requests_offered_total: ['customer'],
  smartbatch_requests_total: ['customer', 'strategy', 'code'],
  smartbatch_slo_requests_total: ['customer', 'strategy', 'result'],
  smartbatch_slo_objective_seconds: ['customer'],
  smartbatch_rejected_total: ['customer', 'reason'],
  smartbatch_shed_total: ['customer'],
  smartbatch_customers_overflowed_total: [],
  smartbatch_request_duration_seconds_bucket: LATENCY,
  smartbatch_request_duration_seconds_sum: ['customer', 'strategy'],
  smartbatch_request_duration_seconds_count: ['customer', 'strategy'],
  smartbatch_request_slowdown_total: ['customer', 'strategy'],
  smartbatch_queue_duration_seconds_bucket: LATENCY,
  smartbatch_queue_duration_seconds_sum: ['customer', 'strategy'],
  smartbatch_queue_duration_seconds_count: ['customer', 'strategy'],
  smartbatch_queue_requests: ['customer'],
  smartbatch_queue_sequences: ['customer'],
  smartbatch_queue_oldest_age_seconds: ['customer'],
  smartbatch_queue_limit_requests: [],
  smartbatch_calls_in_transit: ['what'],
  smartbatch_calls_given_up_total: ['what'],
  smartbatch_customer_charged_seconds_total: ['customer', 'strategy'],
  smartbatch_customer_charged_over_weight_seconds_total: ['customer', 'strategy'],
  smartbatch_customer_batches_total: ['customer', 'strategy'],
  smartbatch_customer_batch_sequences_total: ['customer', 'strategy'],
  smartbatch_fairness_gap_seconds: [],

  // The proxy: batches, backends, strategies.
  smartbatch_batch_sequences_bucket: ['strategy', 'le'],
  smartbatch_batch_sequences_sum: ['strategy'],
  smartbatch_batch_sequences_count: ['strategy'],
  smartbatch_batch_max_length_bucket: ['strategy', 'le'],
  smartbatch_batch_max_length_sum: ['strategy'],
  smartbatch_batch_max_length_count: ['strategy'],
  smartbatch_batch_duration_seconds_bucket: ['strategy', 'backend', 'le'],
  smartbatch_batch_duration_seconds_sum: ['strategy', 'backend'],
  smartbatch_batch_duration_seconds_count: ['strategy', 'backend'],
  smartbatch_batches_total: ['strategy', 'reason'],
  smartbatch_batch_cost_seconds_total: ['strategy'],
  smartbatch_batch_padding_cost_seconds_total: ['strategy'],
  smartbatch_backend_busy_seconds_total: ['backend'],
  smartbatch_backend_dead_seconds_total: ['backend'],
  smartbatch_backend_failed_batches_total: ['backend', 'code'],
  smartbatch_backend_inflight_batches: ['backend'],
  smartbatch_backend_up: ['backend'],
  smartbatch_backend_too_large_batches_total: ['backend'],
  smartbatch_backend_batch_size_limit: ['backend'],
  smartbatch_cost_model_fixed_seconds: ['backend'],
  smartbatch_cost_model_quadratic_seconds: ['backend'],
  smartbatch_cost_model_per_sequence_seconds: ['backend'],
  smartbatch_cost_model_per_character_seconds: ['backend'],
  smartbatch_cost_model_per_character_squared_seconds: ['backend'],
  smartbatch_cost_model_knee: ['backend'],
  smartbatch_cost_model_residual_ratio: ['backend'],
  smartbatch_cost_model_prediction_error_ratio: ['backend'],
  smartbatch_cost_model_batches: ['backend'],
  smartbatch_adaptive_predicted_gain_ratio: [],
  smartbatch_decision_duration_seconds_bucket: ['strategy', 'le'],
  smartbatch_decision_duration_seconds_sum: ['strategy'],
  smartbatch_decision_duration_seconds_count: ['strategy'],
  smartbatch_strategy_active: ['strategy'],
  smartbatch_strategy_switches_total: ['from', 'to', 'by'],
  smartbatch_config_last_reload_successful: [],
  // Only with devices that models share.
  smartbatch_device_slots: ['device'],
  smartbatch_device_slots_in_use: ['device'],
  smartbatch_device_used_seconds_total: ['device'],
  smartbatch_build_info: ['version'],

  // The classifier.
  smartbatch_classifier_build_info: ['version'],

  // The load generator, with --metrics-listen.
  loadgen_requests_sent_total: ['strategy'],
  loadgen_requests_done_total: ['strategy', 'customer', 'outcome'],
  loadgen_request_latency_seconds_bucket: ['strategy', 'customer', 'le'],
  loadgen_request_latency_seconds_sum: ['strategy', 'customer'],
  loadgen_request_latency_seconds_count: ['strategy', 'customer'],
  loadgen_dispatch_delay_seconds_bucket: ['le'],
  loadgen_dispatch_delay_seconds_sum: [],
  loadgen_dispatch_delay_seconds_count: [],
  loadgen_requests_in_flight: [],
  loadgen_block_info: ['workload', 'strategy'],
  loadgen_block_number: [],
  loadgen_blocks: [],

  // gRPC servers and processes, by the names that others use for them.
  grpc_server_started_total: CALL,
  grpc_server_handled_total: [...CALL, 'grpc_code'],
  grpc_server_handling_seconds_bucket: [...CALL, 'le'],
  grpc_server_handling_seconds_sum: CALL,
  grpc_server_handling_seconds_count: CALL,
  // Only with TLS.
  smartbatch_certificate_expiry_timestamp_seconds: ['file'],
  smartbatch_certificate_expires_soon: ['file'],
  smartbatch_certificate_last_reload_successful: ['file'],

  smartbatch_log_lines_dropped_total: ['reason'],

  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  process_virtual_memory_bytes: [],
  process_open_fds: [],
  process_max_fds: [],
  process_start_time_seconds: [],
  process_threads: [],
};

// The labels of a series without those that Prometheus adds (job, instance); undefined if there is no such series.
export const labelsOf = (name) => LABELS[name];
export const seriesNames = () => Object.keys(LABELS);
// True if a healthy system without TLS and shared devices lacks the series: there are no certificates and devices, and
// no batch has failed.
export const mayBeMissing = (name) =>
  name.startsWith('smartbatch_certificate_') || name.startsWith('smartbatch_device_') ||
  name === 'smartbatch_backend_failed_batches_total';

// Histograms are named without their suffix.
const FAMILIES = new Set(Object.keys(LABELS).flatMap((name) => [name, name.replace(/_(bucket|sum|count)$/, '')]));

// metric.queue_requests is 'smartbatch_queue_requests'; using a name that is not listed above is an error.
export const metric = new Proxy({}, {
  get(_, short) {
    const name = [`smartbatch_${short}`, short].find((candidate) => FAMILIES.has(candidate));
    if (!name) throw new Error(`there is no series '${short}': see grafana/series.mjs`);
    return name;
  },
});

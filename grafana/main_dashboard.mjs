// The main dashboard: what the strategies do to whom.
import {
  annotation, bars, choiceVariable, column, dashboard, datasourceVariable, heatmap, instant, labelVariable, link,
  matrixBars, query, row, stat, table, timeseries,
} from './panels.mjs';
import {
  BOTH, CUSTOMER, STRATEGY, TARGET, activeSeconds, increaseInRange, meanInRange, meanNow, objectiveMetInRange,
  objectiveMetNow, quantileInRange, quantileNow, rate, ratio, slowdownInRange, slowdownNow, sumBy, switchesSinceStep,
} from './queries.mjs';
import { metric } from './series.mjs';

const rateWhileActive = ratio(increaseInRange(metric.requests_total, STRATEGY, 'strategy'), activeSeconds);
const customerRateWhileActive =
  `${increaseInRange(metric.requests_total, BOTH, 'strategy, customer')} / on (strategy) group_left () (${activeSeconds} > 0)`;
const paddingShareInRange = ratio(
  increaseInRange(metric.batch_padding_cost_seconds_total, STRATEGY, 'strategy'),
  increaseInRange(metric.batch_cost_seconds_total, STRATEGY, 'strategy'));

// Jain's index over what the customers were charged over their weights: 1 when each got what its weight says, 1/n when one
// got everything.
const charged = rate(metric.customer_charged_over_weight_seconds_total, TARGET, 'customer');
const jainIndex = `sum(${charged}) ^ 2 / (count(${charged} > 0) * sum(${charged} ^ 2))`;

const LATENCY = metric.request_duration_seconds;
const QUEUE = metric.queue_duration_seconds;

const now = row('Now', [
  stat('Strategy', 'The strategy that forms the batches at this moment.', 'none',
    instant(`${metric.strategy_active}{${TARGET}} == 1`, '{{strategy}}'), { text: 'name' }),
  stat('Arrival rate', 'Requests that ended in a second, in any way: with a steady queue this equals the arrivals.',
    'reqps', query(rate(metric.requests_total, CUSTOMER))),
  stat('p95 of the worst customer', 'Among the customers, the largest 95th percentile of the time from arrival to answer.',
    's', query(`max(${quantileNow(0.95, LATENCY, CUSTOMER, 'customer')} >= 0)`)),
  stat('Objective met', 'The share of requests answered within their customer\'s latency objective. Failures count as missed.',
    'percentunit',
    query(objectiveMetNow(CUSTOMER)),
    { thresholds: [[null, 'red'], [0.95, 'orange'], [0.99, 'green']], min: 0 }),
  stat('Backend utilisation', 'The share of the time that a backend works, averaged over the backends. Near 100 % the queue grows.',
    'percentunit', query(`avg(rate(${metric.backend_busy_seconds_total}{${TARGET}}[$__rate_interval]))`),
    { thresholds: [[null, 'green'], [0.8, 'orange'], [0.95, 'red']], min: 0 }),
  stat('Slowdown of the worst customer', 'Latency divided by the time that a request takes alone on an idle backend, as the proxy believes: the largest mean of a customer. 1 is the best, and long texts count against nobody.',
    'short', query(`max(${slowdownNow(CUSTOMER, 'customer')})`)),
]);

const compared = row('Strategies compared over the selected range', [
  table('Strategies', 'Everything that was answered in the selected range, by the strategy that dispatched it. Compare only rows with similar arrival rates: a strategy that saw less load looks better than it is.', [
    column(rateWhileActive, 'arrival rate', { unit: 'reqps' }),
    column(`${activeSeconds} > 0`, 'active', { unit: 's' }),
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy'), 'p50', { unit: 's' }),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy'), 'p95', { unit: 's' }),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy'), 'p99', { unit: 's' }),
    column(meanInRange(LATENCY, BOTH, 'strategy'), 'mean', { unit: 's' }),
    column(objectiveMetInRange(BOTH, 'strategy'), 'objective met', { unit: 'percentunit' }),
    column(slowdownInRange(BOTH, 'strategy'), 'slowdown', { unit: 'short' }),
    column(`max by (strategy) (${slowdownInRange(BOTH, 'strategy, customer')})`, 'worst customer', { unit: 'short' }),
    column(meanInRange(metric.batch_sequences, STRATEGY, 'strategy'), 'batch size', { unit: 'short' }),
    column(paddingShareInRange, 'padding', { unit: 'percentunit' }),
  ], ['strategy'], { size: [24, 6], sortBy: 'mean' }),
  bars('Latency by strategy', 'Percentiles of the time from arrival to answer, all selected customers together, over the selected range.', 's', [
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy'), 'p50'),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy'), 'p95'),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy'), 'p99'),
  ], 'strategy', { size: [9, 8] }),
  bars('Arrival rate by strategy', 'Requests a second while the strategy was active: the latencies beside it can be compared only if these bars are similar.',
    'reqps', [column(rateWhileActive, 'arrival rate')], 'strategy', { size: [6, 8] }),
  matrixBars('${quantile:text} by customer and strategy', 'The chosen percentile of each customer\'s latency under each strategy, over the selected range.',
    's', instant(quantileInRange('$quantile', LATENCY, BOTH, 'customer, strategy')), 'customer', 'strategy', { size: [9, 8] }),
  table('Customers', 'The same by customer: who gains and who loses from a change of strategy.', [
    column(customerRateWhileActive, 'arrival rate', { unit: 'reqps' }),
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy, customer'), 'p50', { unit: 's' }),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy, customer'), 'p95', { unit: 's' }),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy, customer'), 'p99', { unit: 's' }),
    column(meanInRange(LATENCY, BOTH, 'strategy, customer'), 'mean', { unit: 's' }),
    column(objectiveMetInRange(BOTH, 'strategy, customer'), 'objective met', { unit: 'percentunit' }),
    column(slowdownInRange(BOTH, 'strategy, customer'), 'slowdown', { unit: 'short' }),
  ], ['customer', 'strategy'], { size: [24, 9] }),
]);

const latency = row('Latency', [
  timeseries('${quantile:text} by customer', 'The chosen percentile of the time from arrival to answer.', 's',
    [query(quantileNow('$quantile', LATENCY, BOTH, 'customer'), '{{customer}}')], { log: true }),
  timeseries('Percentiles', 'Over all selected customers and strategies.', 's', [
    query(quantileNow(0.5, LATENCY, BOTH), 'p50'),
    query(quantileNow(0.95, LATENCY, BOTH), 'p95'),
    query(quantileNow(0.99, LATENCY, BOTH), 'p99'),
  ], { log: true }),
  heatmap('Distribution of latency', 'The number of requests by the time to the answer.', 's',
    sumBy('le', `increase(${LATENCY}_bucket{${BOTH}}[$__rate_interval])`)),
  timeseries('Queue and service', 'The mean time from arrival to answer in two parts: until the last part of the request was dispatched, and the rest.', 's', [
    query(meanNow(QUEUE, BOTH, ''), 'queue'),
    query(`(${rate(`${LATENCY}_sum`, BOTH)} - ${rate(`${QUEUE}_sum`, BOTH)}) / (${rate(`${LATENCY}_count`, BOTH)} > 0)`, 'service'),
  ], { stack: true, size: [12, 8] }),
  timeseries('${quantile:text} of the queue by customer', 'The chosen percentile of the time from arrival to the dispatch of the last part.', 's',
    [query(quantileNow('$quantile', QUEUE, BOTH, 'customer'), '{{customer}}')], { log: true, size: [12, 8] }),
]);

const fairness = row('Fairness and starvation', [
  timeseries('Share of backend time', 'Each customer\'s share of the batch cost charged to all, divided as in the airport game: a sequence pays for the length that it adds.', 'percentunit',
    [query(`${rate(metric.customer_charged_seconds_total, BOTH, 'customer')} / scalar(${rate(metric.customer_charged_seconds_total, BOTH)} > 0)`, '{{customer}}')],
    { stack: true, max: 1, min: 0, size: [6, 8] }),
  timeseries('Fairness gap', 'The largest difference between the times charged to customers that wait.', 's',
    [query(`max by (instance) (${metric.fairness_gap_seconds}{${TARGET}})`, '{{instance}}')], { min: 0, size: [6, 8] }),
  timeseries('Oldest request', 'How long the oldest waiting request of each customer has waited. A line that climbs for only one customer is starvation.', 's',
    [query(`max by (customer) (${metric.queue_oldest_age_seconds}{${CUSTOMER}})`, '{{customer}}')], { min: 0, size: [6, 8] }),
  timeseries('Queue depth', 'Requests that wait, by customer.', 'short',
    [query(`sum by (customer) (${metric.queue_requests}{${CUSTOMER}})`, '{{customer}}')], { stack: true, min: 0, size: [6, 8] }),
  timeseries('Queued sequences', 'Sequences that wait, by customer: the work ahead.', 'short',
    [query(`sum by (customer) (${metric.queue_sequences}{${CUSTOMER}})`, '{{customer}}')], { stack: true, min: 0, size: [6, 6] }),
  timeseries('Charged time by customer', 'Seconds of backend time charged in a second.', 'percentunit',
    [query(rate(metric.customer_charged_seconds_total, BOTH, 'customer'), '{{customer}}')], { min: 0, size: [6, 6] }),
  timeseries('Slowdown by customer', 'The mean of the latency divided by the time that a request takes alone on an idle backend, as the proxy believes: 1 is the best.', 'short',
    [query(slowdownNow(BOTH, 'customer'), '{{customer}}')], { log: true, size: [6, 6] }),
  timeseries('Evenness of shares', 'Jain\'s index of the backend time charged to each customer, divided by its weight: 100 % if each gets what its weight says, 100 % / n if one of n gets everything. Customers that ask for different amounts lower it without harm.', 'percentunit',
    [query(jainIndex)], { min: 0, max: 1, size: [6, 6] }),
]);

const batching = row('Batching', [
  timeseries('Batch size', 'The mean number of sequences in a batch.', 'short',
    [query(meanNow(metric.batch_sequences, STRATEGY, 'strategy'), '{{strategy}}')], { min: 0 }),
  heatmap('Distribution of batch sizes', 'The number of batches by their number of sequences.', 'short',
    sumBy('le', `increase(${metric.batch_sequences_bucket}{${STRATEGY}}[$__rate_interval])`)),
  timeseries('Longest sequence', 'Its length decides what the whole batch costs: median and 99th percentile over the batches, in characters.', 'short', [
    query(quantileNow(0.5, metric.batch_max_length, STRATEGY, 'strategy'), '{{strategy}} p50'),
    query(quantileNow(0.99, metric.batch_max_length, STRATEGY, 'strategy'), '{{strategy}} p99'),
  ], { log: true }),
  timeseries('Why batches left', 'full: no seat free. slot_free: a backend was idle. hold, linger: the wait for more requests was over. lane, max_wait: an old request went first.', 'ops',
    [query(rate(metric.batches_total, STRATEGY, 'reason'), '{{reason}}')], { stack: true, min: 0 }),
  timeseries('Padding', 'The share of the batches\' cost that was spent on empty seats and on sequences shorter than the longest.', 'percentunit',
    [query(`${rate(metric.batch_padding_cost_seconds_total, STRATEGY, 'strategy')} / (${rate(metric.batch_cost_seconds_total, STRATEGY, 'strategy')} > 0)`, '{{strategy}}')],
    { min: 0, max: 1 }),
  timeseries('Batch duration', 'From the dispatch of a batch to its answer, by backend.', 's', [
    query(quantileNow(0.5, metric.batch_duration_seconds, STRATEGY, 'backend'), '{{backend}} p50'),
    query(quantileNow(0.99, metric.batch_duration_seconds, STRATEGY, 'backend'), '{{backend}} p99'),
  ], { log: true }),
  timeseries('Decision time', 'The time that the strategy takes to choose a batch.', 's', [
    query(quantileNow(0.5, metric.decision_duration_seconds, STRATEGY, 'strategy'), '{{strategy}} p50'),
    query(quantileNow(0.99, metric.decision_duration_seconds, STRATEGY, 'strategy'), '{{strategy}} p99'),
  ], { log: true }),
  timeseries('Cost model', 'The fitted cost of a batch whose longest text has 1,000 characters: the fixed part, what that length adds once, and what each text in the batch adds.', 's', [
    query(`${metric.cost_model_fixed_seconds}{${TARGET}}`, '{{backend}} fixed'),
    query(`${metric.cost_model_quadratic_seconds}{${TARGET}} * 1e6`, '{{backend}} once'),
    query(`${metric.cost_model_per_sequence_seconds}{${TARGET}} + ${metric.cost_model_per_character_seconds}{${TARGET}} * 1e3 + ${metric.cost_model_per_character_squared_seconds}{${TARGET}} * 1e6`, '{{backend}} each text'),
  ], { min: 0, size: [4, 8] }),
  timeseries('Error of the cost model', 'How far batch times are from the present fit, and from what was predicted before each batch ran.', 'percentunit', [
    query(`${metric.cost_model_residual_ratio}{${TARGET}}`, '{{backend}} fit, mean'),
    query(`${metric.cost_model_prediction_error_ratio}{${TARGET}}`, '{{backend}} prediction, median'),
  ], { size: [4, 8] }),
  timeseries('Batches in flight', 'Batches that are at a backend.', 'short',
    [query(`${metric.backend_inflight_batches}{${TARGET}}`, '{{backend}}')], { min: 0 }),
  timeseries('Backend utilisation', 'The share of the time that each backend works.', 'percentunit',
    [query(`sum by (backend) (rate(${metric.backend_busy_seconds_total}{${TARGET}}[$__rate_interval]))`, '{{backend}}')], { min: 0 }),
  timeseries('Backends up', '1 if the backend answers, otherwise 0.', 'short',
    [query(`${metric.backend_up}{${TARGET}}`, '{{backend}}')], { min: 0, max: 1 }),
]);

const errors = row('Errors and admission', [
  timeseries('Outcomes', 'How requests ended, by gRPC status.', 'reqps',
    [query(rate(metric.requests_total, BOTH, 'code'), '{{code}}')], { stack: true, min: 0 }),
  timeseries('Rejections', 'Requests that were refused on arrival, by reason.', 'reqps',
    [query(rate(metric.rejected_total, CUSTOMER, 'reason'), '{{reason}}')], { stack: true, min: 0 }),
  timeseries('Rejections by customer', 'Requests that were refused on arrival, by customer.', 'reqps',
    [query(rate(metric.rejected_total, CUSTOMER, 'customer'), '{{customer}}')], { stack: true, min: 0 }),
  timeseries('Shed by customer', 'Requests that were ended while they waited, to make room in the full queue: they belong to the customer that had the most in it for its weight.', 'reqps',
    [query(rate(metric.shed_total, CUSTOMER, 'customer'), '{{customer}}')], { stack: true, min: 0 }),
  timeseries('Requests not answered', 'The share of each customer\'s requests with any status but OK.', 'percentunit',
    [query(`${rate(metric.requests_total, `${BOTH},code!="OK"`, 'customer')} / (${rate(metric.requests_total, BOTH, 'customer')} > 0)`, '{{customer}}')],
    { min: 0, max: 1 }),
  timeseries('Objective missed', 'The share of each customer\'s requests beyond its latency objective; failures count.', 'percentunit',
    [query(`${rate(metric.slo_requests_total, `${BOTH},result="missed"`, 'customer')} / (${rate(metric.slo_requests_total, BOTH, 'customer')} > 0)`, '{{customer}}')],
    { min: 0, max: 1 }),
  timeseries('Customers beyond the label limit', 'Customers that are counted under "other" because there are too many to name.', 'short',
    [query(`${metric.customers_overflowed_total}{${TARGET}}`, '{{instance}}')], { min: 0 }),
]);

const processes = row('Process and gRPC', [
  timeseries('Processor', 'Cores in use.', 'short',
    [query(`rate(${metric.process_cpu_seconds_total}{${TARGET}}[$__rate_interval])`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Memory', 'Resident memory.', 'bytes',
    [query(`${metric.process_resident_memory_bytes}{${TARGET}}`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Open files', 'File descriptors in use, connections included.', 'short',
    [query(`${metric.process_open_fds}{${TARGET}}`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Calls', 'Calls that ended, by method.', 'reqps',
    [query(rate(metric.grpc_server_handled_total, TARGET, 'grpc_service, grpc_method'), '{{grpc_service}}/{{grpc_method}}')], { min: 0 }),
  timeseries('Calls in progress', 'Calls that were started and have not ended, by method.', 'short',
    [query(`sum by (grpc_method) (${metric.grpc_server_started_total}{${TARGET}}) - sum by (grpc_method) (${metric.grpc_server_handled_total}{${TARGET}})`, '{{grpc_method}}')], { min: 0 }),
  timeseries('p99 of calls', 'The time in which 99 of 100 calls of a method end.', 's',
    [query(quantileNow(0.99, metric.grpc_server_handling_seconds, TARGET, 'grpc_method'), '{{grpc_method}}')], { log: true }),
  stat('Started', 'When each process started: a recent time means a restart.', 'dateTimeFromNow',
    instant(`${metric.process_start_time_seconds}{${TARGET}} * 1000`, '{{job}}'), { size: [8, 4], text: 'value_and_name' }),
  stat('Version', 'What runs.', 'none', instant(`${metric.build_info}{${TARGET}} or ${metric.smartbatch_classifier_build_info}{${TARGET}}`, '{{job}} {{version}}'), { size: [8, 4], text: 'name' }),
  stat('Configuration', 'Whether the last reload of the configuration took effect.', 'none',
    instant(`${metric.config_last_reload_successful}{${TARGET}}`, '{{instance}}'), {
      size: [8, 4],
      thresholds: [[null, 'red'], [1, 'green']],
      mappings: [{ type: 'value', options: { 0: { text: 'rejected', index: 0 }, 1: { text: 'in use', index: 1 } } }],
    }),
], { collapsed: true });

// The load generator has a job of its own, which the variables do not choose.
const LOAD = 'strategy=~"$strategy"';
const loadgen = row('Load generator', [
  stat('Workload', 'The workload that is being played now, and the strategy.', 'none',
    instant(metric.loadgen_block_info, '{{workload}} {{strategy}}'), { size: [6, 4], text: 'name' }),
  stat('Block', 'The number of the block that is being played.', 'none', instant(metric.loadgen_block_number, '{{instance}}'),
    { size: [3, 4] }),
  stat('Blocks', 'The total number of blocks.', 'none', instant(metric.loadgen_blocks, '{{instance}}'), { size: [3, 4] }),
  timeseries('Sent and in flight', 'Requests that were sent in a second, and those that have no answer yet.', 'short', [
    query(rate(metric.loadgen_requests_sent_total, LOAD, 'strategy'), '{{strategy}} a second'),
    query(`sum(${metric.loadgen_requests_in_flight})`, 'in flight'),
  ], { min: 0, size: [12, 8] }),
  timeseries('Ends as the callers saw them', 'Ended requests by the outcome that the load generator saw.', 'reqps',
    [query(rate(metric.loadgen_requests_done_total, LOAD, 'outcome'), '{{outcome}}')], { stack: true, min: 0 }),
  timeseries('${quantile:text} as the callers saw it', 'From when a request was due to its answer: includes the time on the network and in the generator, unlike the proxy\'s own figure.', 's', [
    query(quantileNow('$quantile', metric.loadgen_request_latency_seconds, LOAD, 'customer'), '{{customer}}'),
  ], { log: true }),
  timeseries('How late requests left', 'From when a request was due to when it was sent: above 10 ms the generator was too slow, and it calls its figures invalid.', 's', [
    query(quantileNow(0.5, metric.loadgen_dispatch_delay_seconds, ''), 'p50'),
    query(quantileNow(0.99, metric.loadgen_dispatch_delay_seconds, ''), 'p99'),
  ], { log: true }),
], { collapsed: true });

export const mainDashboard = dashboard({
  uid: 'smartbatch',
  title: 'Smart Batching',
  description: 'Which strategy forms the batches, what each customer gets from it, and why.',
  links: [link('Why was customer X slow?', 'smartbatch-customer')],
  variables: [
    datasourceVariable(),
    labelVariable('job', 'Job', `${metric.process_start_time_seconds}{job=~"smartbatch.*"}, job`),
    labelVariable('instance', 'Instance', `${metric.process_start_time_seconds}{job=~"$job"}, instance`),
    labelVariable('strategy', 'Strategy', `${metric.strategy_active}{${TARGET}}, strategy`),
    labelVariable('customer', 'Customer', `${metric.requests_total}{${TARGET}}, customer`),
    choiceVariable('quantile', 'Percentile', { p50: '0.5', p90: '0.9', p95: '0.95', p99: '0.99' }, 'p95'),
  ],
  annotations: [
    annotation('Switches of strategy', 'purple', switchesSinceStep(), '5s', '{{from}} → {{to}}', 'by {{by}}'),
  ],
  rows: [now, compared, latency, fairness, batching, errors, processes, loadgen],
});

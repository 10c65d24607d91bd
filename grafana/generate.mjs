// Writes dashboards/smartbatch.json:   node grafana/generate.mjs
// With --check it only compares, and fails where the file is not what this program writes.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  annotation, bars, choiceVariable, column, dashboard, datasourceVariable, heatmap, instant, labelVariable,
  matrixBars, query, row, stat, table, timeseries,
} from './panels.mjs';

// What every query is limited to, as the dashboard's variables say.
const TARGET = 'job=~"$job",instance=~"$instance"';
const STRATEGY = `${TARGET},strategy=~"$strategy"`;
const CUSTOMER = `${TARGET},customer=~"$customer"`;
const BOTH = `${CUSTOMER},strategy=~"$strategy"`;

const rate = (metric, selector, labels = '') => sumBy(labels, `rate(${metric}{${selector}}[$__rate_interval])`);
const increaseInRange = (metric, selector, labels = '') => sumBy(labels, `increase(${metric}{${selector}}[$__range])`);
const sumBy = (labels, expr) => (labels ? `sum by (${labels}) (${expr})` : `sum(${expr})`);

const quantileNow = (q, metric, selector, labels = '') =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, selector, labels ? `${labels}, le` : 'le')})`;
// NaN where nothing was observed compares false: such rows are left out of tables.
const quantileInRange = (q, metric, selector, labels) =>
  `histogram_quantile(${q}, ${increaseInRange(`${metric}_bucket`, selector, `${labels}, le`)}) >= 0`;
const meanNow = (metric, selector, labels) =>
  `${rate(`${metric}_sum`, selector, labels)} / (${rate(`${metric}_count`, selector, labels)} > 0)`;
const meanInRange = (metric, selector, labels) =>
  `${increaseInRange(`${metric}_sum`, selector, labels)} / (${increaseInRange(`${metric}_count`, selector, labels)} > 0)`;

// Seconds of the range in which a strategy was active: what it is fair to divide its requests by.
const activeSeconds = `sum by (strategy) (avg_over_time(smartbatch_strategy_active{${STRATEGY}}[$__range])) * $__range_s`;
const rateWhileActive =
  `${increaseInRange('smartbatch_requests_total', STRATEGY, 'strategy')} / (${activeSeconds} > 0)`;
const customerRateWhileActive =
  `${increaseInRange('smartbatch_requests_total', BOTH, 'strategy, customer')} / on (strategy) group_left () (${activeSeconds} > 0)`;
const sloShareInRange = (selector, labels) =>
  `${increaseInRange('smartbatch_slo_requests_total', `${selector},result="met"`, labels)} / ` +
  `(${increaseInRange('smartbatch_slo_requests_total', selector, labels)} > 0)`;
const paddingShareInRange =
  `${increaseInRange('smartbatch_batch_padding_cost_seconds_total', STRATEGY, 'strategy')} / ` +
  `(${increaseInRange('smartbatch_batch_cost_seconds_total', STRATEGY, 'strategy')} > 0)`;

// Jain's index over what the customers were charged: 1 when all got the same, 1/n when one got everything.
const charged = rate('smartbatch_customer_charged_seconds_total', TARGET, 'customer');
const jainIndex = `sum(${charged}) ^ 2 / (count(${charged} > 0) * sum(${charged} ^ 2))`;

const LATENCY = 'smartbatch_request_duration_seconds';
const QUEUE = 'smartbatch_queue_duration_seconds';

const now = row('Now', [
  stat('Strategy', 'The strategy that forms the batches at this moment.', 'none',
    instant(`smartbatch_strategy_active{${TARGET}} == 1`, '{{strategy}}'), { text: 'name' }),
  stat('Arrival rate', 'Requests that came to an end in a second, whatever the end: with a steady queue this is what arrives.',
    'reqps', query(rate('smartbatch_requests_total', CUSTOMER))),
  stat('p95 of the worst customer', 'Among the customers, the largest 95th percentile of the time from arrival to answer.',
    's', query(`max(${quantileNow(0.95, LATENCY, CUSTOMER, 'customer')} >= 0)`)),
  stat('Objective met', 'The share of requests answered within their customer\'s latency objective. Failures count as missed.',
    'percentunit',
    query(`${rate('smartbatch_slo_requests_total', `${CUSTOMER},result="met"`)} / (${rate('smartbatch_slo_requests_total', CUSTOMER)} > 0)`),
    { thresholds: [[null, 'red'], [0.95, 'orange'], [0.99, 'green']], min: 0, max: 1 }),
  stat('Backend utilisation', 'The share of the time in which a backend works, in the mean over the backends. Near 100 % the queue grows.',
    'percentunit', query(`avg(rate(smartbatch_backend_busy_seconds_total{${TARGET}}[$__rate_interval]))`),
    { thresholds: [[null, 'green'], [0.8, 'orange'], [0.95, 'red']], min: 0 }),
  stat('Fairness', 'Jain\'s index over the backend time charged to each customer: 100 % when all get the same, 100 % / n when one of n gets everything. Customers that ask for different amounts differ here without harm.',
    'percentunit', query(jainIndex), { min: 0, max: 1 }),
]);

const compared = row('Strategies compared over the selected range', [
  table('Strategies', 'Everything that was answered in the selected range, by the strategy that dispatched it. Compare only rows of a like arrival rate: a strategy that saw less load looks better than it is.', [
    column(rateWhileActive, 'arrival rate', { unit: 'reqps' }),
    column(`${activeSeconds} > 0`, 'active', { unit: 's' }),
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy'), 'p50', { unit: 's' }),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy'), 'p95', { unit: 's' }),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy'), 'p99', { unit: 's' }),
    column(meanInRange(LATENCY, BOTH, 'strategy'), 'mean', { unit: 's' }),
    column(sloShareInRange(BOTH, 'strategy'), 'objective met', { unit: 'percentunit' }),
    column(meanInRange('smartbatch_batch_sequences', STRATEGY, 'strategy'), 'batch size', { unit: 'short' }),
    column(paddingShareInRange, 'padding', { unit: 'percentunit' }),
  ], ['strategy'], { size: [24, 6] }),
  bars('Latency by strategy', 'Percentiles of the time from arrival to answer, all selected customers together, over the selected range.', 's', [
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy'), 'p50'),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy'), 'p95'),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy'), 'p99'),
  ], 'strategy', { size: [9, 8] }),
  bars('Arrival rate by strategy', 'Requests a second while the strategy was active: the latencies beside it can be compared only where these bars are alike.',
    'reqps', [column(rateWhileActive, 'arrival rate')], 'strategy', { size: [6, 8] }),
  matrixBars('p$quantile by customer and strategy', 'The chosen percentile of each customer\'s latency under each strategy, over the selected range.',
    's', instant(quantileInRange('$quantile', LATENCY, BOTH, 'customer, strategy')), 'customer', 'strategy', { size: [9, 8] }),
  table('Customers', 'The same by customer: who gains and who loses by a change of strategy.', [
    column(customerRateWhileActive, 'arrival rate', { unit: 'reqps' }),
    column(quantileInRange(0.5, LATENCY, BOTH, 'strategy, customer'), 'p50', { unit: 's' }),
    column(quantileInRange(0.95, LATENCY, BOTH, 'strategy, customer'), 'p95', { unit: 's' }),
    column(quantileInRange(0.99, LATENCY, BOTH, 'strategy, customer'), 'p99', { unit: 's' }),
    column(meanInRange(LATENCY, BOTH, 'strategy, customer'), 'mean', { unit: 's' }),
    column(sloShareInRange(BOTH, 'strategy, customer'), 'objective met', { unit: 'percentunit' }),
  ], ['customer', 'strategy'], { size: [24, 9] }),
]);

const latency = row('Latency', [
  timeseries('p$quantile by customer', 'The chosen percentile of the time from arrival to answer.', 's',
    [query(quantileNow('$quantile', LATENCY, BOTH, 'customer'), '{{customer}}')], { log: true }),
  timeseries('Percentiles', 'Over all selected customers and strategies.', 's', [
    query(quantileNow(0.5, LATENCY, BOTH), 'p50'),
    query(quantileNow(0.95, LATENCY, BOTH), 'p95'),
    query(quantileNow(0.99, LATENCY, BOTH), 'p99'),
  ], { log: true }),
  heatmap('Distribution of latency', 'How many requests were answered in what time.', 's',
    sumBy('le', `increase(${LATENCY}_bucket{${BOTH}}[$__rate_interval])`)),
  timeseries('Queue and service', 'The mean time from arrival to answer in its two parts: waiting for the last part to be dispatched, and the rest.', 's', [
    query(meanNow(QUEUE, BOTH, ''), 'queue'),
    query(`(${rate(`${LATENCY}_sum`, BOTH)} - ${rate(`${QUEUE}_sum`, BOTH)}) / (${rate(`${LATENCY}_count`, BOTH)} > 0)`, 'service'),
  ], { stack: true, size: [12, 8] }),
  timeseries('p$quantile of the queue by customer', 'The chosen percentile of the time from arrival to the dispatch of the last part.', 's',
    [query(quantileNow('$quantile', QUEUE, BOTH, 'customer'), '{{customer}}')], { log: true, size: [12, 8] }),
]);

const fairness = row('Fairness and starvation', [
  timeseries('Share of backend time', 'Each customer\'s part of the batch cost charged to all, shared as in the airport game: a sequence pays for the length it adds.', 'percentunit',
    [query(`${rate('smartbatch_customer_charged_seconds_total', BOTH, 'customer')} / scalar(${rate('smartbatch_customer_charged_seconds_total', BOTH)} > 0)`, '{{customer}}')],
    { stack: true, max: 1, min: 0, size: [6, 8] }),
  timeseries('Fairness gap', 'Between customers that wait: the largest difference of the time they were charged.', 's',
    [query(`max by (instance) (smartbatch_fairness_gap_seconds{${TARGET}})`, '{{instance}}')], { min: 0, size: [6, 8] }),
  timeseries('Oldest request', 'For how long the oldest waiting request of each customer has waited. A line that climbs for one customer alone is starvation.', 's',
    [query(`max by (customer) (smartbatch_queue_oldest_age_seconds{${CUSTOMER}})`, '{{customer}}')], { min: 0, size: [6, 8] }),
  timeseries('Queue depth', 'Requests that wait, by customer.', 'short',
    [query(`sum by (customer) (smartbatch_queue_requests{${CUSTOMER}})`, '{{customer}}')], { stack: true, min: 0, size: [6, 8] }),
  timeseries('Queued sequences', 'Sequences that wait, by customer: the work ahead is counted in these.', 'short',
    [query(`sum by (customer) (smartbatch_queue_sequences{${CUSTOMER}})`, '{{customer}}')], { stack: true, min: 0, size: [12, 6] }),
  timeseries('Charged time by customer', 'Seconds of backend time charged in a second.', 'percentunit',
    [query(rate('smartbatch_customer_charged_seconds_total', BOTH, 'customer'), '{{customer}}')], { min: 0, size: [12, 6] }),
]);

const batching = row('Batching', [
  timeseries('Batch size', 'Sequences in a batch, in the mean.', 'short',
    [query(meanNow('smartbatch_batch_sequences', STRATEGY, 'strategy'), '{{strategy}}')], { min: 0 }),
  heatmap('Distribution of batch sizes', 'How many batches left with how many sequences.', 'short',
    sumBy('le', `increase(smartbatch_batch_sequences_bucket{${STRATEGY}}[$__rate_interval])`)),
  timeseries('Longest sequence', 'Its length decides what the whole batch costs: median and 99th percentile over the batches, in characters.', 'short', [
    query(quantileNow(0.5, 'smartbatch_batch_max_length', STRATEGY, 'strategy'), '{{strategy}} p50'),
    query(quantileNow(0.99, 'smartbatch_batch_max_length', STRATEGY, 'strategy'), '{{strategy}} p99'),
  ], { log: true }),
  timeseries('Why batches left', 'full: no seat free. slot_free: a backend was idle. hold, linger: the wait for more was over. lane, max_wait: an old request went first.', 'ops',
    [query(rate('smartbatch_batches_total', STRATEGY, 'reason'), '{{reason}}')], { stack: true, min: 0 }),
  timeseries('Padding', 'The share of the batches\' cost that was paid for empty seats and for sequences shorter than the longest.', 'percentunit',
    [query(`${rate('smartbatch_batch_padding_cost_seconds_total', STRATEGY, 'strategy')} / (${rate('smartbatch_batch_cost_seconds_total', STRATEGY, 'strategy')} > 0)`, '{{strategy}}')],
    { min: 0, max: 1 }),
  timeseries('Batch duration', 'From the dispatch of a batch to its answer, by backend.', 's', [
    query(quantileNow(0.5, 'smartbatch_batch_duration_seconds', STRATEGY, 'backend'), '{{backend}} p50'),
    query(quantileNow(0.99, 'smartbatch_batch_duration_seconds', STRATEGY, 'backend'), '{{backend}} p99'),
  ], { log: true }),
  timeseries('Decision time', 'What it takes the strategy to choose a batch.', 's', [
    query(quantileNow(0.5, 'smartbatch_decision_duration_seconds', STRATEGY, 'strategy'), '{{strategy}} p50'),
    query(quantileNow(0.99, 'smartbatch_decision_duration_seconds', STRATEGY, 'strategy'), '{{strategy}} p99'),
  ], { log: true }),
  timeseries('Cost model', 'The fit of batch time = a + b · length²: a in seconds, b in seconds for a length of 1,000.', 's', [
    query(`smartbatch_cost_model_fixed_seconds{${TARGET}}`, '{{backend}} a'),
    query(`smartbatch_cost_model_quadratic_seconds{${TARGET}} * 1e6`, '{{backend}} b · 1000²'),
  ], { min: 0, size: [4, 8] }),
  timeseries('Error of the cost model', 'The difference between real and predicted batch times, relative to the real ones.', 'percentunit',
    [query(`smartbatch_cost_model_residual_ratio{${TARGET}}`, '{{backend}}')], { size: [4, 8] }),
  timeseries('Batches in flight', 'Batches that are at a backend.', 'short',
    [query(`smartbatch_backend_inflight_batches{${TARGET}}`, '{{backend}}')], { min: 0 }),
  timeseries('Backend utilisation', 'The share of the time in which each backend works.', 'percentunit',
    [query(`sum by (backend) (rate(smartbatch_backend_busy_seconds_total{${TARGET}}[$__rate_interval]))`, '{{backend}}')], { min: 0 }),
  timeseries('Backends up', '1 when the backend answers, else 0.', 'short',
    [query(`smartbatch_backend_up{${TARGET}}`, '{{backend}}')], { min: 0, max: 1 }),
]);

const errors = row('Errors and admission', [
  timeseries('Outcomes', 'How requests ended, by gRPC status.', 'reqps',
    [query(rate('smartbatch_requests_total', BOTH, 'code'), '{{code}}')], { stack: true, min: 0 }),
  timeseries('Rejections', 'Requests that were refused on arrival, by reason.', 'reqps',
    [query(rate('smartbatch_rejected_total', CUSTOMER, 'reason'), '{{reason}}')], { stack: true, min: 0 }),
  timeseries('Rejections by customer', 'Who is refused.', 'reqps',
    [query(rate('smartbatch_rejected_total', CUSTOMER, 'customer'), '{{customer}}')], { stack: true, min: 0 }),
  timeseries('Requests not answered', 'The share of each customer\'s requests with any status but OK.', 'percentunit',
    [query(`${rate('smartbatch_requests_total', `${BOTH},code!="OK"`, 'customer')} / (${rate('smartbatch_requests_total', BOTH, 'customer')} > 0)`, '{{customer}}')],
    { min: 0, max: 1 }),
  timeseries('Objective missed', 'The share of each customer\'s requests beyond its latency objective; failures count.', 'percentunit',
    [query(`${rate('smartbatch_slo_requests_total', `${BOTH},result="missed"`, 'customer')} / (${rate('smartbatch_slo_requests_total', BOTH, 'customer')} > 0)`, '{{customer}}')],
    { min: 0, max: 1 }),
  timeseries('Customers beyond the label limit', 'Customers that are counted under "other", since there are too many to name.', 'short',
    [query(`smartbatch_customers_overflowed_total{${TARGET}}`, '{{instance}}')], { min: 0 }),
]);

const processes = row('Process and gRPC', [
  timeseries('Processor', 'Cores in use.', 'short',
    [query(`rate(process_cpu_seconds_total{${TARGET}}[$__rate_interval])`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Memory', 'Resident memory.', 'bytes',
    [query(`process_resident_memory_bytes{${TARGET}}`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Open files', 'File descriptors in use, connections included.', 'short',
    [query(`process_open_fds{${TARGET}}`, '{{job}} {{instance}}')], { min: 0 }),
  timeseries('Calls', 'Calls that ended, by method.', 'reqps',
    [query(rate('grpc_server_handled_total', TARGET, 'grpc_service, grpc_method'), '{{grpc_service}}/{{grpc_method}}')], { min: 0 }),
  timeseries('Calls in progress', 'Calls that were started and have not ended, by method.', 'short',
    [query(`sum by (grpc_method) (grpc_server_started_total{${TARGET}}) - sum by (grpc_method) (grpc_server_handled_total{${TARGET}})`, '{{grpc_method}}')], { min: 0 }),
  timeseries('p99 of calls', 'The time in which 99 of 100 calls of a method end.', 's',
    [query(quantileNow(0.99, 'grpc_server_handling_seconds', TARGET, 'grpc_method'), '{{grpc_method}}')], { log: true }),
  stat('Started', 'When each process started: a recent time means a restart.', 'dateTimeFromNow',
    instant(`process_start_time_seconds{${TARGET}} * 1000`, '{{job}}'), { size: [8, 4], text: 'value_and_name' }),
  stat('Version', 'What runs.', 'none', instant(`{__name__=~"smartbatch(_classifier)?_build_info",${TARGET}}`, '{{job}} {{version}}'), { size: [8, 4], text: 'name' }),
  stat('Configuration', 'Whether the last reload of the configuration was taken over.', 'none',
    instant(`smartbatch_config_last_reload_successful{${TARGET}}`, '{{instance}}'), {
      size: [8, 4],
      thresholds: [[null, 'red'], [1, 'green']],
      mappings: [{ type: 'value', options: { 0: { text: 'rejected', index: 0 }, 1: { text: 'in use', index: 1 } } }],
    }),
], { collapsed: true });

const switches = (offset = '') =>
  `sum by (from, to, by) (smartbatch_strategy_switches_total{${TARGET},by!="start"}${offset})`;

const board = dashboard({
  uid: 'smartbatch',
  title: 'Smart Batching',
  description: 'Which strategy forms the batches, what each customer gets from it, and why.',
  variables: [
    datasourceVariable(),
    labelVariable('job', 'Job', 'process_start_time_seconds{job=~"smartbatch.*"}, job'),
    labelVariable('instance', 'Instance', 'process_start_time_seconds{job=~"$job"}, instance'),
    labelVariable('strategy', 'Strategy', `smartbatch_strategy_active{${TARGET}}, strategy`),
    labelVariable('customer', 'Customer', `smartbatch_requests_total{${TARGET}}, customer`),
    choiceVariable('quantile', 'Percentile', ['0.5', '0.9', '0.95', '0.99'], '0.95'),
  ],
  // A switch is a counter that is larger than a step before; a counter that was not there yet counts from 0.
  annotations: [
    annotation('Switches of strategy', 'purple',
      `${switches()} - (${switches(' offset $__interval')} or 0 * ${switches()}) > 0`, '5s', '{{from}} → {{to}}', 'by {{by}}'),
  ],
  rows: [now, compared, latency, fairness, batching, errors, processes],
});

const path = fileURLToPath(new URL('dashboards/smartbatch.json', import.meta.url));
const text = `${JSON.stringify(board, null, 2)}\n`;
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} is not what grafana/generate.mjs writes: run node grafana/generate.mjs`);
    process.exit(1);
  }
} else {
  writeFileSync(path, text);
}

// The dashboard of one customer: why was it slow?
import {
  annotation, dashboard, datasourceVariable, heatmap, instant, labelVariable, link, query, row, stat, timeseries,
} from './panels.mjs';
import {
  BOTH, CUSTOMER, STRATEGY, TARGET, meanNow, objectiveMetNow, quantileNow, rate, ratio, sumBy, switchesSinceStep,
} from './queries.mjs';
import { metric } from './series.mjs';

const LATENCY = metric.request_duration_seconds;
const QUEUE = metric.queue_duration_seconds;
const queueSum = rate(`${QUEUE}_sum`, BOTH);
const latencySum = rate(`${LATENCY}_sum`, BOTH);
const answers = rate(`${LATENCY}_count`, BOTH);

const verdict = row('In short', [
  stat('Requests', 'This customer\'s requests that ended in a second.', 'reqps', query(rate(metric.requests_total, CUSTOMER))),
  stat('p95', 'The time within which 95 of 100 of its requests are answered.', 's', query(quantileNow(0.95, LATENCY, CUSTOMER))),
  stat('Objective', 'The time within which its requests should be answered.', 's', instant(`max(${metric.slo_objective_seconds}{${CUSTOMER}})`)),
  stat('Objective met', 'The share of its requests within that time; failures count as missed.', 'percentunit', query(objectiveMetNow(CUSTOMER)),
    { thresholds: [[null, 'red'], [0.95, 'orange'], [0.99, 'green']], min: 0 }),
  stat('Waiting in the queue', 'The share of its time in the proxy that its requests waited. Near 100 %: load, or another customer. Near 0: long sequences, or a slow backend.',
    'percentunit', query(ratio(queueSum, latencySum)), { min: 0 }),
  stat('Share of backend time', 'Its share of what was charged to all customers.', 'percentunit',
    query(ratio(rate(metric.customer_charged_seconds_total, CUSTOMER), rate(metric.customer_charged_seconds_total, TARGET))), { min: 0 }),
]);

const where = row('Where the time went', [
  timeseries('Queue and service', 'The mean time of an answered request in two parts: until its last part was dispatched, and from then to the answer.', 's', [
    query(ratio(queueSum, answers), 'queue'),
    query(ratio(`(${latencySum} - ${queueSum})`, answers), 'service'),
  ], { stack: true, min: 0, size: [12, 8] }),
  timeseries('Percentiles and the objective', 'Of the time from arrival to answer.', 's', [
    query(quantileNow(0.5, LATENCY, BOTH), 'p50'),
    query(quantileNow(0.95, LATENCY, BOTH), 'p95'),
    query(quantileNow(0.99, LATENCY, BOTH), 'p99'),
    query(`max(${metric.slo_objective_seconds}{${CUSTOMER}})`, 'objective'),
  ], { log: true, size: [12, 8] }),
  timeseries('p95 by strategy', 'The same customer under the strategies that served it.', 's',
    [query(quantileNow(0.95, LATENCY, BOTH, 'strategy'), '{{strategy}}')], { log: true }),
  timeseries('p95 of the queue', 'This customer beside the others: similar lines mean load, different lines mean that the strategy or another customer is the cause.', 's', [
    query(quantileNow(0.95, QUEUE, BOTH), 'this customer'),
    query(quantileNow(0.95, QUEUE, STRATEGY), 'all customers'),
  ], { log: true }),
  heatmap('Distribution of latency', 'The number of its requests by the time to the answer.', 's',
    sumBy('le', `increase(${LATENCY}_bucket{${BOTH}}[$__rate_interval])`)),
]);

const queue = row('What it had waiting', [
  timeseries('Queue depth', 'Its requests and sequences that wait.', 'short', [
    query(`sum(${metric.queue_requests}{${CUSTOMER}})`, 'requests'),
    query(`sum(${metric.queue_sequences}{${CUSTOMER}})`, 'sequences'),
  ], { min: 0 }),
  timeseries('Oldest request', 'How long its oldest request has waited, beside the oldest of all.', 's', [
    query(`max(${metric.queue_oldest_age_seconds}{${CUSTOMER}})`, 'this customer'),
    query(`max(${metric.queue_oldest_age_seconds}{${TARGET}})`, 'all customers'),
  ], { min: 0 }),
  timeseries('The whole queue', 'Requests that wait, this customer\'s and all.', 'short', [
    query(`sum(${metric.queue_requests}{${CUSTOMER}})`, 'this customer'),
    query(`sum(${metric.queue_requests}{${TARGET}})`, 'all customers'),
  ], { min: 0 }),
]);

const batches = row('The batches that it rode in', [
  timeseries('Company', 'The mean number of sequences in the batches that carried its requests, others\' sequences included, beside the mean of all batches.', 'short', [
    query(ratio(rate(metric.customer_batch_sequences_total, BOTH), rate(metric.customer_batches_total, BOTH)), 'its batches'),
    query(meanNow(metric.batch_sequences, STRATEGY, ''), 'all batches'),
  ], { min: 0 }),
  timeseries('Batches for a request', 'The mean number of batches in which the sequences of one of its requests travelled. A request is answered when the last is back.', 'short',
    [query(ratio(rate(metric.customer_batches_total, BOTH), answers), 'batches')], { min: 0 }),
  timeseries('Charged for a request', 'The mean backend time charged to one of its requests: a sequence that rides along without adding cost is free.', 's',
    [query(ratio(rate(metric.customer_charged_seconds_total, BOTH), answers), 'charged')], { min: 0 }),
]);

const others = row('What the others did, and what was refused', [
  timeseries('Share of backend time', 'Who got the backend: a band that swells when this customer is slow shows the cause.', 'percentunit',
    [query(`${rate(metric.customer_charged_seconds_total, TARGET, 'customer')} / scalar(${rate(metric.customer_charged_seconds_total, TARGET)} > 0)`, '{{customer}}')],
    { stack: true, min: 0, max: 1 }),
  timeseries('How its requests ended', 'By gRPC status.', 'reqps', [query(rate(metric.requests_total, CUSTOMER, 'code'), '{{code}}')], { stack: true, min: 0 }),
  timeseries('Rejections', 'Its requests that were refused on arrival, by reason.', 'reqps',
    [query(rate(metric.rejected_total, CUSTOMER, 'reason'), '{{reason}}')], { stack: true, min: 0 }),
]);

export const customerDashboard = dashboard({
  uid: 'smartbatch-customer',
  title: 'Smart Batching: one customer',
  description: 'Why was this customer slow? Queue, service, the batches it rode in, what it was charged and refused.',
  links: [link('All customers', 'smartbatch')],
  variables: [
    datasourceVariable(),
    labelVariable('job', 'Job', `${metric.strategy_active}, job`),
    labelVariable('instance', 'Instance', `${metric.strategy_active}{job=~"$job"}, instance`),
    labelVariable('customer', 'Customer', `${metric.requests_total}{${TARGET}}, customer`, { one: true }),
    labelVariable('strategy', 'Strategy', `${metric.strategy_active}{${TARGET}}, strategy`),
  ],
  annotations: [
    annotation('Switches of strategy', 'purple', switchesSinceStep(), '5s', '{{from}} → {{to}}', 'by {{by}}'),
  ],
  rows: [verdict, where, queue, batches, others],
});

// The forms of PromQL that the dashboards use.
import { metric } from './series.mjs';

// The labels that every query selects, from the dashboard's variables.
export const TARGET = 'job=~"$job",instance=~"$instance"';
export const STRATEGY = `${TARGET},strategy=~"$strategy"`;
export const CUSTOMER = `${TARGET},customer=~"$customer"`;
export const BOTH = `${CUSTOMER},strategy=~"$strategy"`;

export const sumBy = (labels, expr) => (labels ? `sum by (${labels}) (${expr})` : `sum(${expr})`);
export const rate = (name, selector, labels = '') => sumBy(labels, `rate(${name}{${selector}}[$__rate_interval])`);
export const increaseInRange = (name, selector, labels = '') => sumBy(labels, `increase(${name}{${selector}}[$__range])`);

// a / b if b is above 0, otherwise nothing.
export const ratio = (a, b) => `${a} / (${b} > 0)`;

export const quantileNow = (q, name, selector, labels = '') =>
  `histogram_quantile(${q}, ${rate(`${name}_bucket`, selector, labels ? `${labels}, le` : 'le')})`;
// NaN, if nothing was observed, compares false: such rows are left out of tables.
export const quantileInRange = (q, name, selector, labels) =>
  `histogram_quantile(${q}, ${increaseInRange(`${name}_bucket`, selector, `${labels}, le`)}) >= 0`;
export const meanNow = (name, selector, labels) =>
  ratio(rate(`${name}_sum`, selector, labels), rate(`${name}_count`, selector, labels));
export const meanInRange = (name, selector, labels) =>
  ratio(increaseInRange(`${name}_sum`, selector, labels), increaseInRange(`${name}_count`, selector, labels));

// The mean slowdown: latency divided by the time that the request was believed to take alone.
export const slowdownNow = (selector, labels) =>
  ratio(rate(metric.request_slowdown_total, selector, labels), rate(`${metric.request_duration_seconds}_count`, selector, labels));
export const slowdownInRange = (selector, labels) =>
  ratio(increaseInRange(metric.request_slowdown_total, selector, labels),
    increaseInRange(`${metric.request_duration_seconds}_count`, selector, labels));

// Seconds of the range in which a strategy was active, by which its requests are divided. A strategy has a series from its
// first use on, and the proxy may be younger than the range. So the samples in which the strategy was active are divided by
// all samples of the proxy, and that share is multiplied by the time since the first of these.
const perProxy = (expr) => `max by (job, instance) (${expr})`;
const samples = perProxy(`count_over_time(${metric.build_info}{${TARGET}}[$__range])`);
const observedSeconds = `(time() - min by (job, instance) (min_over_time(timestamp(${metric.build_info}{${TARGET}})[$__range:])))`;
export const activeSeconds =
  `sum by (strategy) (sum_over_time(${metric.strategy_active}{${STRATEGY}}[$__range]) / on (job, instance) group_left () ${samples}` +
  ` * on (job, instance) group_left () ${observedSeconds})`;

// The share of requests within their customer's objective.
export const objectiveMetNow = (selector, labels = '') => ratio(
  rate(metric.slo_requests_total, `${selector},result="met"`, labels), rate(metric.slo_requests_total, selector, labels));
export const objectiveMetInRange = (selector, labels) => ratio(
  increaseInRange(metric.slo_requests_total, `${selector},result="met"`, labels),
  increaseInRange(metric.slo_requests_total, selector, labels));

// Changes of strategy, by from, to and by; a change is a counter that is larger than a step before, and a counter that was
// not there yet counts from 0.
export function switchesSinceStep() {
  const switches = (offset = '') =>
    `sum by (from, to, by) (${metric.strategy_switches_total}{${TARGET},by!="start"}${offset})`;
  return `${switches()} - (${switches(' offset $__interval')} or 0 * ${switches()}) > 0`;
}

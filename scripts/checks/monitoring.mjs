// Runs every query of every panel, annotation and rule on a Prometheus that has scraped the live programs:
//   - each returns data, and every label of its legend has a value in every series that it returns;
//   - each names only series that exist: those of grafana/series.mjs and those that rules record;
//   - the series of grafana/series.mjs are there with their labels, and the proxy exports no other.
// Usage: node scripts/checks/monitoring.mjs URL [--without PREFIX]   Exit code 1 and one line for each fault.
// Needs no package. --without leaves out the queries that name a series with that prefix.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { labelsOf, mayBeMissing, seriesNames } from '../../grafana/series.mjs';
import { filledIn, Prometheus } from './prometheus.mjs';

const [url, option, prefix] = process.argv.slice(2);
const left_out = option === '--without' ? prefix : undefined;
const DASHBOARDS = fileURLToPath(new URL('../../grafana/dashboards/', import.meta.url));
const prometheus = new Prometheus(url, Math.floor(Date.now() / 1000) - 1);
const CHOICES = { quantile: '0.95', customer: 'A' };
const filled = (expr) => filledIn(expr, CHOICES);

// Names of series in an expression: those before a brace, a bracket, a closing bracket, or an operator.
const KNOWN = /\b(?:smartbatch|process|grpc_server|loadgen|(?:namespace_)?job\w*:|up\b)[\w:]*/g;
const namesIn = (expr) => [...new Set(expr.replaceAll(/"[^"]*"/g, '""').replaceAll(/\b(by|on|group_left) \([^)]*\)/g, '').match(KNOWN) ?? [])];

const faults = [];
let asked = 0;
let samples = 0;

async function checkQuery(where, expr, { isRange, legend = '' }, existing) {
  const names = namesIn(expr);
  if (left_out && names.some((name) => name.startsWith(left_out))) return [];
  if (names.some((name) => mayBeMissing(name) && !existing.has(name))) return [];
  if (names.length === 0) faults.push(`${where}: names no series: ${expr}`);
  for (const name of names) {
    if (!existing.has(name)) faults.push(`${where}: there is no series ${name}`);
  }
  asked += 1;
  let found;
  try {
    found = await prometheus.results(filled(expr), isRange);
  } catch (error) {
    faults.push(`${where}: ${error.message}: ${filled(expr)}`);
    return [];
  }
  if (found.length === 0) faults.push(`${where}: no data: ${filled(expr)}`);
  samples += found.length;
  for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
    const without = found.find(({ labels }) => !labels[label]);
    if (without) faults.push(`${where}: the legend names ${label}, which ${JSON.stringify(without.labels)} does not have`);
  }
  return found;
}

async function checkBoard(file, existing) {
  const board = JSON.parse(readFileSync(`${DASHBOARDS}${file}`, 'utf8'));
  const panels = board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter((panel) => panel.targets);
  for (const panel of panels) {
    for (const { refId, expr, range, legendFormat, format } of panel.targets) {
      const legend = format === 'table' ? '' : legendFormat;
      await checkQuery(`${file}: panel "${panel.title}" ${refId}`, expr, { isRange: range, legend }, existing);
    }
    for (const label of labelsOfTable(panel)) {
      for (const { refId, expr } of panel.targets) {
        const found = await prometheus.results(filled(expr));
        if (found.some(({ labels }) => !labels[label])) faults.push(`${file}: table "${panel.title}" ${refId} has rows without ${label}`);
      }
    }
  }
  for (const { name, expr, titleFormat, textFormat } of board.annotations.list) {
    const found = await checkQuery(`${file}: annotation "${name}"`, expr, { isRange: true, legend: `${titleFormat}${textFormat}` }, existing);
    const switches = found.map(({ labels }) => `${labels.from} ${labels.to}`).sort();
    if (switches.join() !== 'fcfs sjf,sjf fair') faults.push(`${file}: annotation "${name}" tells of ${switches.join(', ') || 'nothing'}`);
  }
  return panels.length;
}

// A table's or a bar chart's columns are joined by their labels: the labels that are placed or grouped by.
function labelsOfTable(panel) {
  return (panel.transformations ?? []).flatMap(({ id, options }) => {
    if (id === 'organize') return Object.keys(options.indexByName).filter((name) => !name.startsWith('Value'));
    if (id === 'groupingToMatrix') return [options.rowField, options.columnField];
    return [];
  });
}

// An alert is quiet if all is well: with `bool` its comparisons with a number return 0 instead of nothing.
const withoutThreshold = (expr) => expr.replaceAll(/(==|>|<)\s+(?=[\d.])/g, '$1 bool ');

async function checkRules(existing) {
  const { groups } = await prometheus.ask('rules', {}).catch(async () => (await (await fetch(`${url}/api/v1/rules`)).json()).data);
  let count = 0;
  for (const rule of groups.flatMap((group) => group.rules)) {
    count += 1;
    const where = `${rule.type} rule ${rule.name}`;
    if (rule.health !== 'ok') faults.push(`${where}: ${rule.health} ${rule.lastError ?? ''}`);
    await checkQuery(where, rule.type === 'alerting' ? withoutThreshold(rule.query) : rule.query, { isRange: false }, existing);
    if (rule.type === 'alerting' && rule.state === 'firing') console.log(`note ${rule.name} fires`);
  }
  return count;
}

async function checkSeries(existing) {
  const names = seriesNames().filter((name) => !(left_out && name.startsWith(left_out)));
  for (const name of names) {
    const series = await (await fetch(`${url}/api/v1/series?${new URLSearchParams({ 'match[]': name })}`)).json();
    for (const { __name__, job, instance, ...labels } of series.data) {
      const [expected, real] = [labelsOf(name), Object.keys(labels)].map((list) => [...list].sort().join());
      if (expected !== real) {
        faults.push(`series ${name} has the labels ${real}, grafana/series.mjs says ${expected}`);
        break;
      }
    }
    if (series.data.length === 0 && !mayBeMissing(name)) faults.push(`series ${name} of grafana/series.mjs does not exist`);
  }
  for (const name of existing) {
    const ours = name.startsWith('smartbatch_') && !name.startsWith('smartbatch_classifier_');
    if (ours && !labelsOf(name)) faults.push(`series ${name} is not in grafana/series.mjs`);
  }
  return names.length;
}

const existing = new Set((await (await fetch(`${url}/api/v1/label/__name__/values`)).json()).data);
const counts = { panels: 0 };
for (const file of readdirSync(DASHBOARDS).filter((name) => name.endsWith('.json'))) counts.panels += await checkBoard(file, existing);
counts.rules = await checkRules(existing);
counts.series = await checkSeries(existing);
faults.forEach((fault) => console.error(fault));
if (faults.length > 0) process.exit(1);
console.log(`ok   ${asked} queries of ${counts.panels} panels and ${counts.rules} rules returned ${samples} series; ${counts.series} series are as listed`);

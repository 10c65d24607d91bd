// Checks the dashboards without running Grafana:
//   - each is valid for the JSON schema that is made from the Grafana Foundation SDK's types, and so are its
//     panels' options and queries;
//   - each panel has a title, a description, a unit and the data source variable; ids are unique, nothing overlaps;
//   - rates are taken over $__rate_interval, figures of the whole range over $__range;
//   - each query parses as PromQL (promtool), and uses only variables that the dashboard or Grafana has.
// Usage: node scripts/checks/dashboards.mjs [FILE...]   Exit code 1 and one line for each fault.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const SDK = fileURLToPath(new URL('node_modules/@grafana/grafana-foundation-sdk/dist/', import.meta.url));
const DASHBOARDS = fileURLToPath(new URL('../../grafana/dashboards/', import.meta.url));
const GRAFANA_VARIABLES = ['__range', '__range_s', '__rate_interval', '__interval'];

const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });
const validators = new Map();

// A validator for one of the SDK's types, such as Dashboard of module dashboard.
function validatorOf(module, type, additionalProperties = false) {
  const key = `${module}.${type}`;
  if (!validators.has(key)) {
    const generator = createGenerator({
      path: `${SDK}${module}/types.gen.d.ts`, type, skipTypeCheck: true, additionalProperties, functions: 'hide',
    });
    validators.set(key, ajv.compile(generator.createSchema(type)));
  }
  return validators.get(key);
}

function schemaFaults(module, type, value, additionalProperties) {
  const validate = validatorOf(module, type, additionalProperties);
  return validate(value) ? [] : validate.errors.map((e) => `${module}.${type}${e.instancePath}: ${e.message} ${JSON.stringify(e.params)}`);
}

// All panels, those in folded rows too, without the rows themselves.
const allPanels = (board) => board.panels.flatMap((p) => (p.type === 'row' ? p.panels : [p]));

const isEmpty = (text) => text === undefined || text.trim() === '';

function panelFaults(panel) {
  const faults = [];
  if (isEmpty(panel.title)) faults.push('has no title');
  if (isEmpty(panel.description)) faults.push('has no description');
  if (isEmpty(panel.fieldConfig?.defaults?.unit)) faults.push('has no unit');
  if (!panel.targets?.length) faults.push('has no query');
  for (const [where, source] of [['panel', panel.datasource], ...(panel.targets ?? []).map((t) => [`query ${t.refId}`, t.datasource])]) {
    if (source?.uid !== '${datasource}') faults.push(`${where} does not use the data source variable`);
  }
  faults.push(...schemaFaults(panel.type, 'Options', panel.options));
  if (panel.fieldConfig?.defaults?.custom) {
    const hasFieldConfig = readFileSync(`${SDK}${panel.type}/types.gen.d.ts`, 'utf8').includes('FieldConfig');
    if (hasFieldConfig) faults.push(...schemaFaults(panel.type, 'FieldConfig', panel.fieldConfig.defaults.custom));
  }
  for (const target of panel.targets ?? []) {
    faults.push(...queryFaults(target.expr).map((fault) => `query ${target.refId} ${fault}`));
    faults.push(...schemaFaults('prometheus', 'dataquery', target).map((f) => `query ${target.refId} ${f}`));
  }
  return faults.map((fault) => `panel "${panel.title}" ${fault}`);
}

function queryFaults(expr) {
  const fixed = expr.match(/(?:rate|increase)\([^[\]]*\[(?!\$__rate_interval\]|\$__range\])[^\]]*\]/);
  return fixed ? [`has a range of its own: ${fixed[0]}`] : [];
}

function layoutFaults(board) {
  const faults = [];
  const ids = board.panels.flatMap((p) => [p.id, ...(p.panels ?? []).map((q) => q.id)]);
  if (new Set(ids).size !== ids.length) faults.push('has panels with the same id');
  const open = board.panels.map((p) => ({ title: p.title, ...p.gridPos }));
  open.forEach((a, i) => {
    if (a.x + a.w > 24) faults.push(`panel "${a.title}" is wider than the grid`);
    for (const b of open.slice(i + 1)) {
      if (a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h) {
        faults.push(`panels "${a.title}" and "${b.title}" overlap`);
      }
    }
  });
  return faults;
}

function expressionsOf(board) {
  return [
    ...allPanels(board).flatMap((p) => p.targets.map((t) => [`panel "${p.title}" query ${t.refId}`, t.expr])),
    ...board.annotations.list.map((a) => [`annotation "${a.name}"`, a.expr]),
  ];
}

function variableFaults(board) {
  const known = new Set([...board.templating.list.map((v) => v.name), ...GRAFANA_VARIABLES]);
  return expressionsOf(board).flatMap(([where, expr]) =>
    [...expr.matchAll(/\$\{?(\w+)/g)].filter(([, name]) => !known.has(name)).map(([, name]) => `${where} uses the unknown variable ${name}`));
}

// The expression as Grafana would send it.
export function filledIn(expr) {
  return expr
    .replaceAll(/\$__range_s/g, '900')
    .replaceAll(/\$__(range|rate_interval|interval)\b/g, '1m')
    .replaceAll(/\$quantile\b/g, '0.95')
    .replaceAll(/\$\w+/g, '.*');
}

// promtool parses rules, so every query is put into a rule of its own.
function promqlFaults(board) {
  const expressions = expressionsOf(board);
  const rules = expressions.map(([, expr], i) => ({ record: `query:${i}`, expr: filledIn(expr) }));
  const folder = mkdtempSync(join(tmpdir(), 'smartbatch-dashboards-'));
  const file = join(folder, 'rules.yml');
  try {
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    execFileSync('promtool', ['check', 'rules', file], { stdio: 'pipe' });
    return [];
  } catch (error) {
    const output = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim();
    return output.split('\n').filter((line) => /error|could not parse/i.test(line)).map((line) => line.trim());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function faultsOf(board) {
  return [
    ...schemaFaults('dashboard', 'Dashboard', withoutPluginParts(board)),
    ...allPanels(board).flatMap(panelFaults),
    ...layoutFaults(board),
    ...variableFaults(board),
    ...promqlFaults(board),
  ];
}

// The dashboard's types leave out the fields that a data source adds; queries are checked by that source's type.
function withoutPluginParts(board) {
  const list = board.annotations.list.map(({ step, titleFormat, textFormat, ...rest }) => rest);
  const withoutTargets = ({ targets, ...panel }) =>
    panel.panels ? { ...panel, panels: panel.panels.map(withoutTargets) } : panel;
  return { ...board, annotations: { list }, panels: board.panels.map(withoutTargets) };
}

const named = process.argv.slice(2);
const files = named.length ? named : readdirSync(DASHBOARDS).filter((f) => f.endsWith('.json')).map((f) => join(DASHBOARDS, f));
let failed = false;
for (const file of files) {
  const board = JSON.parse(readFileSync(file, 'utf8'));
  const faults = faultsOf(board);
  faults.forEach((fault) => console.error(`${file}: ${fault}`));
  failed ||= faults.length > 0;
  if (faults.length === 0) console.log(`${file}: ${allPanels(board).length} panels, ${expressionsOf(board).length} queries, no fault`);
}
process.exit(failed ? 1 : 0);

// Walks the path that docs/OPERATIONS.md describes under "Which strategy is better for customer B?": finds each panel that it
// names on the dashboard, asks the panel's queries with the values that it names, and comes to the answer. It fails
// where a panel is not there, a query returns nothing for customer B, or fewer than two strategies can be compared.
// Usage: node scripts/checks/newcomer.mjs URL   Needs no package.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { filledIn, Prometheus } from './prometheus.mjs';

const at = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const [url] = process.argv.slice(2);
const prometheus = new Prometheus(url, Math.floor(Date.now() / 1000) - 1);
const CHOICES = { customer: 'B', quantile: '0.95' };

const section = at('docs/OPERATIONS.md').split(/^#+ /m).find((part) => part.startsWith('Which strategy is better for customer B?'));
const titles = [...section.matchAll(/panel \*\*(.+?)\*\*/g)].map(([, title]) => title);
if (titles.length === 0) throw new Error('docs/OPERATIONS.md names no panel');
const panels = JSON.parse(at('grafana/dashboards/smartbatch.json')).panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);

// A panel's columns by strategy, such as {sjf: {p95: 0.2}}; a table names its columns in its last transformation.
async function read(title) {
  const panel = panels.find((candidate) => candidate.title === title);
  if (!panel) throw new Error(`docs/OPERATIONS.md names the panel "${title}", which the dashboard does not have`);
  const names = panel.transformations?.at(-1)?.options.renameByName ?? {};
  const rows = {};
  for (const { refId, expr, legendFormat } of panel.targets) {
    const name = names[`Value #${refId}`] ?? names.Value ?? legendFormat;
    const found = await prometheus.results(filledIn(expr, CHOICES));
    if (found.length === 0) throw new Error(`panel "${title}", ${name}: no data for customer B`);
    for (const { labels, values } of found) {
      if (labels.customer && labels.customer !== 'B') throw new Error(`panel "${title}" tells of customer ${labels.customer}`);
      (rows[labels.strategy] ??= {})[name] = values.at(-1);
    }
  }
  return rows;
}

for (const title of titles) {
  const rows = await read(title);
  console.log(`     ${title}`);
  for (const [strategy, columns] of Object.entries(rows)) {
    console.log(`       ${strategy}: ${Object.entries(columns).map(([name, value]) => `${name} ${value.toPrecision(3)}`).join(', ')}`);
  }
}
const compared = Object.entries(await read('Customers')).filter(([, { p95 }]) => p95 > 0).sort(([, a], [, b]) => a.p95 - b.p95);
if (compared.length < 2) throw new Error('fewer than two strategies have answered customer B');
console.log(`ok   for customer B ${compared[0][0]} is best: p95 ${compared.map(([strategy, { p95 }]) => `${strategy} ${(1000 * p95).toFixed(0)} ms`).join(', ')}`);

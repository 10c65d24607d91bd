// Writes the dashboards of dashboards/:   node grafana/generate.mjs
// With --check it only compares, and fails if a file is not what this program writes.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { customerDashboard } from './customer_dashboard.mjs';
import { mainDashboard } from './main_dashboard.mjs';

const boards = { 'smartbatch.json': mainDashboard, 'smartbatch-customer.json': customerDashboard };

let stale = false;
for (const [name, board] of Object.entries(boards)) {
  const path = fileURLToPath(new URL(`dashboards/${name}`, import.meta.url));
  const text = `${JSON.stringify(board, null, 2)}\n`;
  if (!process.argv.includes('--check')) {
    writeFileSync(path, text);
  } else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} is not what grafana/generate.mjs writes: run node grafana/generate.mjs`);
    stale = true;
  }
}
process.exit(stale ? 1 : 0);

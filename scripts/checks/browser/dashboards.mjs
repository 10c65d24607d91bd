// Draws both dashboards over a live Prometheus with Grafana's own components (board.jsx), in Debian's chromium:
//   node scripts/checks/browser/dashboards.mjs URL END [FOLDER]
// shows the last minute before END, in seconds since 1970.
// Fails on a script error, a query that fails or returns nothing, a variable without a value, and a panel that draws
// nothing. Also fails if any of these faults, planted into a board, is not found. Pictures of the boards go into FOLDER.
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { Prometheus, RANGE_SECONDS, STEP_SECONDS, filledIn } from '../prometheus.mjs';
import { withPage } from './browser.mjs';

const [url, moment, folder] = process.argv.slice(2);
const end = Number(moment);
const prometheus = new Prometheus(url, end);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const boardOf = (name) => JSON.parse(readFileSync(here(`../../../grafana/dashboards/${name}.json`), 'utf8'));
const panelsOf = (board) => board.panels.flatMap((panel) => (panel.type === 'row' ? panel.panels : [panel]));

// The values of the variables as a query gets them, by name. `faults` gets the variables without a value.
async function choicesOf(board, faults) {
  const choices = {};
  for (const { name, type, query, includeAll, allValue, current } of board.templating.list) {
    if (type === 'custom') choices[name] = current.value;
    if (type !== 'query') continue;
    const [, selector, label] = query.query.match(/^label_values\((.*), (\w+)\)$/s);
    const found = await prometheus.ask('series', { 'match[]': filledIn(selector, choices), start: end - RANGE_SECONDS, end }).catch(() => []);
    const values = [...new Set(found.map((labels) => labels[label]).filter(Boolean))].sort();
    if (values.length === 0) faults.push(`variable ${name} has no value: ${query.query}`);
    choices[name] = includeAll ? allValue : values[0] ?? '';
  }
  return choices;
}

// What Prometheus answers to every query: {panel id: {refId: result}}.
async function answersOf(board, choices, faults) {
  const answers = {};
  for (const panel of panelsOf(board)) {
    answers[panel.id] = {};
    for (const { refId, expr, range } of panel.targets) {
      const query = filledIn(expr, choices);
      const asked = range
        ? prometheus.ask('query_range', { query, start: end - RANGE_SECONDS, end, step: STEP_SECONDS })
        : prometheus.ask('query', { query, time: end });
      const { result } = await asked.catch((error) => {
        faults.push(`panel "${panel.title}" ${refId}: ${error.message}`);
        return { result: [] };
      });
      answers[panel.id][refId] = result;
    }
  }
  return answers;
}

// Titles as Grafana shows them: ${quantile:text} is the text of the chosen value.
function withTitles(board) {
  const texts = Object.fromEntries(board.templating.list.map(({ name, current }) => [name, String(current?.text ?? '')]));
  const titled = (panel) => ({ ...panel, title: panel.title.replaceAll(/\$\{(\w+):text\}/g, (_, name) => texts[name]), panels: panel.panels?.map(titled) });
  return { ...board, panels: board.panels.map(titled) };
}

async function faultsOf(board, picture) {
  const faults = [];
  const choices = await choicesOf(board, faults);
  const answers = await answersOf(board, choices, faults);
  await withPage({ width: 1880, height: 1000 }, async (page, troubles) => {
    // A page with an origin: without one there is no localStorage, which Grafana's code reads.
    await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: '<!DOCTYPE html><html><body style="margin: 0"></body></html>' }));
    await page.goto('http://board.invalid/');
    await page.addStyleTag({ content: style });
    await page.addScriptTag({ content: script });
    if (troubles.length > 0) throw new Error(troubles.join('; '));
    await page.evaluate(([drawn, results, range]) => window.board.draw(drawn, results, range),
      [withTitles(board), answers, { from: 1000 * (end - RANGE_SECONDS), to: 1000 * end }]);
    // React and uPlot draw later.
    let seen;
    for (let tries = 0; tries < 16 && (!seen || seen.faults.length > 0); ++tries) {
      await page.waitForTimeout(500);
      seen = await page.evaluate(() => window.board.faults());
    }
    faults.push(...seen.faults.map(([title, what]) => `panel "${title}" ${what}`), ...troubles);
    if (seen.panels !== panelsOf(board).length) faults.push(`${seen.panels} of ${panelsOf(board).length} panels were drawn`);
    if (picture) await page.screenshot({ path: picture, fullPage: true });
  });
  return faults;
}

// --- Planted faults ---

// A board that has each fault once, and what must be reported: [board, [pattern]].
function planted(board) {
  const drawn = panelsOf(board);
  const faulty = (title, of, spoil) => {
    const panel = { ...structuredClone(drawn.find(of)), title };
    spoil(panel);
    return panel;
  };
  const kind = (wanted) => ({ type }) => type === wanted;
  const nothing = (panel) => panel.targets.forEach((target) => { target.expr = 'smartbatch_no_such_series'; });
  const panels = [
    faulty('stat with min and max', ({ type, options }) => type === 'stat' && options.graphMode === 'area',
      (panel) => Object.assign(panel.fieldConfig.defaults, { min: 0, max: 1 })),
    faulty('no PromQL', kind('timeseries'), (panel) => { panel.targets[0].expr = 'rate('; }),
    faulty('lines of nothing', kind('timeseries'), nothing),
    faulty('table of nothing', kind('table'), nothing),
    faulty('bars of no column', kind('barchart'), (panel) => { panel.options.xField = 'nothing'; }),
    faulty('lines beyond the scale', kind('timeseries'), (panel) => Object.assign(panel.fieldConfig.defaults, { min: 1e9, max: 2e9 })),
  ].map((panel, i) => ({ ...panel, id: i + 1, gridPos: { x: 4 * i, y: 0, w: 4, h: 8 } }));
  const variable = { name: 'planted', type: 'query', query: { query: 'label_values(smartbatch_no_such_series, job)' } };
  return [
    { ...board, panels, templating: { list: [...board.templating.list, variable] } },
    [
      /"stat with min and max" (throws|has lost the line)/, /"no PromQL" A: .*parse error/, /"lines of nothing" throws: No data/, /"table of nothing" throws: No data/,
      /"bars of no column" throws: there is no column/, /"lines beyond the scale" draws nothing/, /variable planted has no value/,
      /script error|console/,
    ],
  ];
}

// --- All of it ---

const bundle = await build({
  entryPoints: [here('board.jsx')], bundle: true, write: false, jsx: 'automatic', minify: false, logLevel: 'error', outfile: 'board.js',
  define: { 'process.env.NODE_ENV': '"production"' },
  // Their ES modules end in .mjs, so esbuild takes a CommonJS module's default export for the whole module.
  alias: Object.fromEntries(['data', 'ui'].map((name) => [`@grafana/${name}`, here(`node_modules/@grafana/${name}/dist/cjs/index.cjs`)])),
  loader: { '.ttf': 'empty', '.svg': 'text', '.png': 'empty' },
});
const [script, style] = ['.js', '.css'].map((ending) => bundle.outputFiles.find(({ path }) => path.endsWith(ending)).text);

if (folder) mkdirSync(folder, { recursive: true });
let failed = false;
for (const name of ['smartbatch', 'smartbatch-customer']) {
  const board = boardOf(name);
  const faults = await faultsOf(board, folder && `${folder}/${name}.png`);
  faults.forEach((fault) => console.error(`${name}: ${fault}`));
  failed ||= faults.length > 0;
  if (faults.length === 0) console.log(`ok   ${name}: ${panelsOf(board).length} panels drawn with Grafana's components`);
}
const [board, expected] = planted(boardOf('smartbatch'));
const found = await faultsOf(board);
for (const pattern of expected.filter((each) => !found.some((fault) => each.test(fault)))) {
  failed = true;
  console.error(`planted, and not found: ${pattern}; found: ${found.join('; ') || 'nothing'}`);
}
if (!failed) console.log(`ok   each of ${expected.length} planted faults is found`);
process.exit(failed ? 1 : 0);

// A picture of the charts of a page that loadgen has written, with nothing that moves:
//   node common/timeline/drawing/still.js PAGE.html [--width PIXELS] [--row-height PIXELS] [--end MILLISECONDS]
//     [--reasons] [--no-present] >PICTURE.svg
// The same page gives the same bytes. --reasons writes above each bar why its batch was sent; --no-present leaves out
// how many requests wait or run; --end cuts the picture off at that time.
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { parseArgs } = require('node:util');

const Timeline = require('./timeline.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '900' },
    'row-height': { type: 'string', default: '13' },
    end: { type: 'string' },
    reasons: { type: 'boolean', default: false },
    'no-present': { type: 'boolean', default: false },
  },
});
const page = readFileSync(positionals[0], 'utf8');
const data = page.match(/<script id="data" type="application\/json">(.*?)<\/script>/s);
if (!data) throw new Error(`${positionals[0]} is not a page that loadgen has written`);
const { charts } = JSON.parse(data[1]);

const width = Number(values.width);
const to = Number(values.end ?? Math.max(...charts.map((chart) => chart.duration_ms)));
const colours = Timeline.palette(charts.flatMap((chart) => chart.customers));
const present = values['no-present'] ? 0 : Math.max(1, ...charts.map(Timeline.mostPresent));

let y = 4;
const parts = charts.map((chart) => {
  const drawn = Timeline.draw(chart, {
    width, to, colours, present, rowHeight: Number(values['row-height']), reasons: values.reasons,
  });
  const { mean_ms } = Timeline.figures(chart, Infinity);
  const title = mean_ms === null ? chart.title : `${chart.title}: an answer takes ${Timeline.milliseconds(mean_ms)} in the mean`;
  const part = `<text class="title" x="8" y="${y + 14}">${Timeline.escaped(title)}</text>${drawn.svg.replace('<svg ', `<svg y="${y + 20}" `)}`;
  y += 20 + drawn.height + 6;
  return part;
});

const swatches = [
  ...colours.groups.map(({ label, colour }) => [label, `fill="${colour}"`]),
  ['padding', 'class="padding"'],
  ['empty seats', 'class="empty"'],
];
let x = 8;
const legend = swatches.map(([label, fill]) => {
  const entry = `<rect x="${x}" y="${y}" width="11" height="11" ${fill}/><text class="small" x="${x + 15}" y="${y + 10}">${Timeline.escaped(label)}</text>`;
  x += 30 + 7 * label.length;
  return entry;
});

const style = readFileSync(join(__dirname, 'timeline.css'), 'utf8').replace(/\/\*.*?\*\/\n/gs, '');
const height = Number((y + 18).toFixed(2));
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" class="timeline" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n` +
  `<style>\n${style}</style>\n<rect class="ground" width="${width}" height="${height}"/>\n${parts.join('\n')}\n${legend.join('')}\n</svg>\n`);

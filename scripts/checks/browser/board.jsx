// Draws a dashboard in a browser with the components that Grafana publishes: @grafana/data makes frames from the answers,
// transforms them and applies units and overrides; BigValue, TimeSeries and Table of @grafana/ui draw them. The panels
// for bars and heat maps are not published: their axes come from Grafana's UPlotConfigBuilder, the rectangles from here.
//
// draw(board, answers, range) fills the page; faults() then names every panel that threw or drew nothing.
import {
  FieldType, FieldConfigOptionsRegistry, applyFieldOverrides, createTheme, dateTime, getDisplayValueAlignmentFactors,
  getFieldDisplayName, getFieldDisplayValues, getFieldSeriesColor, standardTransformers, standardTransformersRegistry,
  toDataFrame, transformDataFrame,
} from '@grafana/data';
import { BigValue, Table, ThemeContext, TimeSeries, UPlotChart, UPlotConfigBuilder } from '@grafana/ui';
import { Component } from 'react';
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';
import 'uplot/dist/uPlot.min.css';

const theme = createTheme({ colors: { mode: 'light' } });
// Some have two names there.
const transformers = [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()];
standardTransformersRegistry.setInit(() =>
  transformers.map((transformation) => ({ id: transformation.id, name: transformation.name, transformation, editor: () => null })));

// Grafana's grid on a screen of 1,920 pixels.
const [CELL_WIDTH, CELL_HEIGHT, GAP, HEADER, PADDING] = [78, 38, 8, 32, 8];
const failures = []; // [title, what]
const panels = []; // {panel, frames, element}

// --- Frames of answers ---

const legendOf = (format, labels) => {
  if (format && format !== '__auto') return format.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
  const { __name__ = '', ...others } = labels;
  return Object.keys(others).length > 0 ? `${__name__}{${Object.entries(others).map(([k, v]) => `${k}="${v}"`).join(', ')}}` : __name__ || 'Value';
};

// As Grafana's panels do with a value that is not a number.
const finite = (text) => (Number.isFinite(Number(text)) ? Number(text) : null);

function seriesFrames(target, result) {
  return result.map(({ metric, values, value }) => {
    const points = values ?? [value];
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: points.map(([time]) => 1000 * time) },
        { name: 'Value', type: FieldType.number, labels: metric, values: points.map(([, number]) => finite(number)),
          config: { displayNameFromDS: legendOf(target.legendFormat, metric) } },
      ],
    });
  });
}

// As Grafana's Prometheus makes a table from an instant query.
function tableFrame(target, result, several) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map(({ value }) => 1000 * value[0]) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, config: { filterable: true }, values: result.map(({ metric }) => metric[label] ?? '') })),
      { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: result.map(({ value }) => finite(value[1])) },
    ],
  });
}

// What Grafana's registry does with the settings that the boards use: it takes them unchanged.
function registryOf(defaults) {
  const plain = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'color'];
  const items = [
    ...plain.map((id) => ({ id, path: id, isCustom: false })),
    ...Object.keys(defaults.custom ?? {}).map((key) => ({ id: `custom.${key}`, path: key, isCustom: true })),
  ].map((item) => ({ ...item, name: item.id, settings: {}, process: (value) => value, shouldApply: () => true, override: () => null, editor: () => null }));
  return new FieldConfigOptionsRegistry(() => items);
}

// The default colours of each kind of panel.
const PALETTE = { color: { mode: 'palette-classic' } };
const COLOURS = { timeseries: PALETTE, barchart: PALETTE, stat: { color: { mode: 'thresholds' } } };

async function framesOf(panel, answers) {
  const several = panel.targets.length > 1;
  const raw = panel.targets.flatMap((target) =>
    (target.format === 'table' ? [tableFrame(target, answers[target.refId], several)] : seriesFrames(target, answers[target.refId])));
  const transformed = await firstValueFrom(transformDataFrame(panel.transformations ?? [], raw));
  const defaults = { ...COLOURS[panel.type], ...panel.fieldConfig.defaults };
  return applyFieldOverrides({
    data: transformed, fieldConfig: { ...panel.fieldConfig, defaults }, fieldConfigRegistry: registryOf(defaults),
    replaceVariables: (text) => text, theme, timeZone: 'utc',
  });
}

// --- Panels ---

function Stat({ panel, frames, range, width, height }) {
  const { options, fieldConfig } = panel;
  const values = getFieldDisplayValues({
    fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text) => text, theme, data: frames,
    sparkline: options.graphMode !== 'none', timeZone: 'utc',
  });
  const alignmentFactors = getDisplayValueAlignmentFactors(values);
  return values.map(({ display, sparkline }, i) => (
    <BigValue key={i} value={display} count={values.length} sparkline={sparkline && { ...sparkline, timeRange: range }}
      colorMode={options.colorMode} graphMode={options.graphMode} justifyMode={options.justifyMode} textMode={options.textMode}
      alignmentFactors={alignmentFactors} width={width / values.length} height={height} theme={theme} />
  ));
}

// Paints rectangles {x, y, width, height, colour} in the units of the scales.
function Rectangles({ columns, rows, rectangles, xLabel, yLabel, width, height }) {
  const builder = new UPlotConfigBuilder('utc');
  builder.addScale({ scaleKey: 'x', isTime: false, orientation: 0, direction: 1, range: () => columns });
  builder.addScale({ scaleKey: 'y', isTime: false, orientation: 1, direction: 1, range: () => rows });
  builder.addAxis({ scaleKey: 'x', placement: 'bottom', theme, splits: xLabel.splits, formatValue: xLabel.text, grid: { show: false } });
  builder.addAxis({ scaleKey: 'y', placement: 'left', theme, splits: yLabel.splits, formatValue: yLabel.text });
  builder.addSeries({ scaleKey: 'y', theme, drawStyle: 'line', lineWidth: 0, lineColor: '#000', showPoints: 'never' });
  builder.addHook('draw', (plot) => {
    const { ctx } = plot;
    ctx.save();
    for (const { x, y, width: w, height: h, colour } of rectangles) {
      const [left, right] = [plot.valToPos(x, 'x', true), plot.valToPos(x + w, 'x', true)];
      const [bottom, top] = [plot.valToPos(y, 'y', true), plot.valToPos(y + h, 'y', true)];
      ctx.fillStyle = colour;
      ctx.fillRect(left, top, right - left, bottom - top);
    }
    ctx.restore();
  });
  return <UPlotChart data={[columns, [null, null]]} config={builder} width={width} height={height} />;
}

function Bars({ panel, frames, width, height }) {
  const [frame] = frames;
  const label = frame.fields.find((field) => field.type === FieldType.string);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number);
  if (!label || label.name !== panel.options.xField) throw new Error(`there is no column ${panel.options.xField}`);
  const most = Math.max(...numbers.flatMap((field) => field.values.filter(Number.isFinite)));
  const rectangles = numbers.flatMap((field, i) => field.values.flatMap((value, row) => (Number.isFinite(value)
    ? [{ x: row + 0.1 + (0.8 * i) / numbers.length, y: 0, width: 0.75 / numbers.length, height: value, colour: getFieldSeriesColor(field, theme).color }] : [])));
  return <Rectangles columns={[0, label.values.length]} rows={[0, 1.1 * most]} rectangles={rectangles} width={width} height={height}
    xLabel={{ splits: () => label.values.map((_, i) => i + 0.5), text: (value) => label.values[Math.floor(value)] }}
    yLabel={{ text: (value) => { const { text, suffix = '' } = numbers[0].display(value); return text + suffix; } }} />;
}

function Heatmap({ frames, width, height }) {
  const bounds = frames.map((frame) => ({ frame, le: Number(getFieldDisplayName(frame.fields[1], frame, frames).replace('+Inf', 'Infinity')) }))
    .sort((a, b) => a.le - b.le);
  const times = [...new Set(frames.flatMap((frame) => frame.fields[0].values))].sort((a, b) => a - b);
  const step = times.length > 1 ? times[1] - times[0] : 1000;
  const below = new Map(); // counts are cumulative
  const cells = bounds.flatMap(({ frame }, row) => frame.fields[0].values.flatMap((time, i) => {
    const count = (frame.fields[1].values[i] ?? 0) - (below.get(time) ?? 0);
    below.set(time, frame.fields[1].values[i] ?? 0);
    return count > 1e-9 ? [{ time, row, count }] : [];
  }));
  const most = Math.max(...cells.map(({ count }) => count));
  const shade = theme.visualization.getColorByName('dark-orange');
  const rectangles = cells.map(({ time, row, count }) => ({
    x: time, y: row, width: step, height: 1,
    colour: `${shade}${Math.round(55 + 200 * Math.sqrt(count / most)).toString(16).padStart(2, '0')}`,
  }));
  return <Rectangles columns={[times[0], times[times.length - 1] + step]} rows={[0, bounds.length]} rectangles={rectangles} width={width} height={height}
    xLabel={{ text: (value) => new Date(value).toISOString().slice(14, 19) }}
    yLabel={{ splits: () => bounds.map((_, i) => i + 1).filter((i) => i % Math.ceil(bounds.length / 8) === 0), text: (value) => String(bounds[value - 1]?.le ?? '') }} />;
}

const KINDS = {
  stat: (props) => <Stat {...props} />,
  timeseries: ({ panel, frames, range, width, height }) =>
    <TimeSeries frames={frames} structureRev={1} timeRange={range} timeZone="utc" legend={panel.options.legend} width={width} height={height} />,
  table: ({ panel, frames, width, height }) => <Table data={frames[0]} width={width} height={height} initialSortBy={panel.options.sortBy} />,
  barchart: (props) => <Bars {...props} />,
  heatmap: (props) => <Heatmap {...props} />,
};

class Guard extends Component {
  state = { failed: false };
  static getDerivedStateFromError() { return { failed: true }; }
  componentDidCatch(error) { failures.push([this.props.title, `throws: ${error.message}`]); }
  render() { return this.state.failed ? <b>failed</b> : this.props.children; }
}

// All rows are open, one below another.
function placesOf(board) {
  const places = [];
  let y = 0;
  let base = 0;
  for (const panel of board.panels) {
    if (panel.type !== 'row') {
      places.push({ panel, y: panel.gridPos.y - base });
      y = Math.max(y, panel.gridPos.y - base + panel.gridPos.h);
      continue;
    }
    base = panel.gridPos.y - y;
    places.push({ panel, y });
    y += 1;
    if (panel.panels.length === 0) continue;
    const first = Math.min(...panel.panels.map((inner) => inner.gridPos.y));
    for (const inner of panel.panels) places.push({ panel: inner, y: y + inner.gridPos.y - first });
    y += Math.max(...panel.panels.map((inner) => inner.gridPos.y - first + inner.gridPos.h));
    base = panel.gridPos.y + 1 - y;
  }
  return { places, height: y };
}

export async function draw(board, answers, { from, to }) {
  const range = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };
  const { places, height } = placesOf(board);
  const root = document.createElement('div');
  document.body.replaceChildren(root);
  root.style.cssText = `position: relative; width: ${24 * CELL_WIDTH}px; height: ${height * CELL_HEIGHT}px; background: ${theme.colors.background.canvas}; font-family: ${theme.typography.fontFamily}; color: ${theme.colors.text.primary}; font-size: 13px`;
  for (const { panel, y } of places) {
    const { x, w, h } = panel.gridPos;
    const box = document.createElement('div');
    const [width, boxHeight] = [w * CELL_WIDTH - GAP, h * CELL_HEIGHT - GAP];
    box.style.cssText = `position: absolute; overflow: hidden; left: ${x * CELL_WIDTH}px; top: ${y * CELL_HEIGHT}px; width: ${width}px; height: ${boxHeight}px`;
    root.append(box);
    const title = document.createElement('div');
    title.textContent = panel.title;
    title.style.cssText = 'font-weight: 500; padding: 6px 8px; height: 20px; white-space: nowrap; overflow: hidden';
    box.append(title);
    if (panel.type === 'row') continue;
    box.style.background = theme.colors.background.primary;
    box.style.border = `1px solid ${theme.colors.border.weak}`;
    const inside = document.createElement('div');
    inside.style.padding = `0 ${PADDING}px`;
    box.append(inside);
    const drawn = { panel, element: inside, frames: [] };
    panels.push(drawn);
    try {
      drawn.frames = await framesOf(panel, answers[panel.id]);
      if (drawn.frames.every((frame) => frame.length === 0)) throw new Error('No data');
      const content = KINDS[panel.type]({ panel, frames: drawn.frames, range, width: width - 2 * PADDING - 2, height: boxHeight - HEADER - 2 * PADDING - 2 });
      createRoot(inside).render(<ThemeContext.Provider value={theme}><Guard title={panel.title}>{content}</Guard></ThemeContext.Provider>);
    } catch (error) {
      failures.push([panel.title, `throws: ${error.message}`]);
    }
  }
}

// --- What was drawn ---

const channels = (colour) => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data];
};
// Counts the pixels of a canvas that have about one of the colours or, without colours, that are not transparent.
function pixelsOf(canvas, colours) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 40) continue;
    if (!colours || colours.some((c) => Math.abs(c[0] - data[i]) + Math.abs(c[1] - data[i + 1]) + Math.abs(c[2] - data[i + 2]) < 40)) count += 1;
  }
  return count;
}

function nothingIn({ panel, frames, element }) {
  const canvases = [...element.querySelectorAll('canvas')];
  if (panel.type === 'stat') {
    const text = element.innerText.trim();
    if (text === '' || text === 'No data') return 'shows no figure';
    if (panel.options.graphMode === 'area' && frames.some((frame) => frame.length > 1) && !canvases.some((canvas) => pixelsOf(canvas) > 20)) {
      return 'has lost the line behind its figure';
    }
    return null;
  }
  if (panel.type === 'table') {
    const rows = element.querySelectorAll('[role="row"] [role="cell"]').length;
    return rows > 0 ? null : 'has no row';
  }
  if (canvases.length === 0) return 'has no canvas';
  const colours = panel.type === 'timeseries' || panel.type === 'barchart'
    ? frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number)).map((field) => channels(getFieldSeriesColor(field, theme).color))
    : [channels(theme.visualization.getColorByName('dark-orange'))];
  return canvases.some((canvas) => pixelsOf(canvas, colours) >= 4) ? null : 'draws nothing';
}

export function faults() {
  const found = panels.flatMap((drawn) => {
    if (failures.some(([title]) => title === drawn.panel.title)) return [];
    const nothing = nothingIn(drawn);
    return nothing ? [[drawn.panel.title, nothing]] : [];
  });
  return { panels: panels.length, faults: [...failures, ...found] };
}

window.board = { draw, faults };

// Builders for the few kinds of panels that the dashboards use: each takes the differences and fills in the rest.
// Every panel has a title, a description, a unit and the dashboard's data source variable.

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const TOOLTIP = { mode: 'multi', sort: 'desc' };
const NO_LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: false, calcs: [] };
const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] };

// A query over the whole range. `legend` names the labels shown, such as '{{customer}}'.
export function query(expr, legend = '__auto', extra = {}) {
  return { expr, legendFormat: legend, range: true, instant: false, ...extra };
}

// A query with one result, at the end of the range.
export function instant(expr, legend = '__auto', extra = {}) {
  return { expr, legendFormat: legend, range: false, instant: true, ...extra };
}

// An instant query as a column of a table. Columns of one panel are joined by the labels they share.
export function column(expr, name, extra = {}) {
  return { name, unit: extra.unit, target: instant(expr, '__auto', { format: 'table' }) };
}

function panel(type, title, description, unit, targets, { size, options, custom, defaults, overrides, transformations }) {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    size,
    targets: targets.map((target, i) => ({ refId: String.fromCharCode(65 + i), datasource: DATASOURCE, ...target })),
    fieldConfig: {
      defaults: { unit, ...(custom ? { custom } : {}), ...defaults },
      overrides: overrides ?? [],
    },
    options,
    ...(transformations ? { transformations } : {}),
  };
}

// A single figure. `thresholds` is a list of [value, colour], the first value null. Not with both `min` and `max`: then
// the line behind the figure throws (Grafana 11.6, Sparkline) and is not drawn.
export function stat(title, description, unit, target, { size = [4, 4], text = 'value', thresholds, ...defaults } = {}) {
  const steps = (thresholds ?? [[null, 'text']]).map(([value, color]) => ({ value, color }));
  return panel('stat', title, description, unit, [target], {
    size,
    defaults: { thresholds: { mode: 'absolute', steps }, ...defaults },
    options: {
      graphMode: target.range ? 'area' : 'none',
      colorMode: 'value',
      justifyMode: 'auto',
      textMode: text,
      wideLayout: true,
      showPercentChange: false,
      percentChangeColorMode: 'standard',
      orientation: 'auto',
      reduceOptions: { values: false, calcs: ['lastNotNull'], fields: '' },
    },
  });
}

// Lines over time; with `stack`, areas one on another.
export function timeseries(title, description, unit, targets, { size = [8, 8], stack = false, log = false, ...defaults } = {}) {
  return panel('timeseries', title, description, unit, targets, {
    size,
    defaults,
    custom: {
      drawStyle: 'line',
      lineWidth: 1,
      fillOpacity: stack ? 40 : 0,
      showPoints: 'auto',
      pointSize: 4,
      spanNulls: false,
      stacking: { mode: stack ? 'normal' : 'none', group: 'A' },
      ...(log ? { scaleDistribution: { type: 'log', log: 10 } } : {}),
    },
    options: { legend: LEGEND, tooltip: TOOLTIP },
  });
}

// The distribution of a Prometheus histogram (a query by `le`) over time.
export function heatmap(title, description, unit, expr, { size = [8, 8] } = {}) {
  return panel('heatmap', title, description, unit, [query(expr, '{{le}}', { format: 'heatmap' })], {
    size,
    custom: { hideFrom: { tooltip: false, legend: false, viz: false }, scaleDistribution: { type: 'linear' } },
    options: {
      calculate: false,
      color: { mode: 'scheme', scheme: 'Viridis', fill: 'dark-orange', scale: 'exponential', exponent: 0.5, steps: 64, reverse: false },
      filterValues: { le: 1e-9 },
      rowsFrame: { layout: 'auto' },
      showValue: 'never',
      cellGap: 1,
      yAxis: { axisPlacement: 'left', reverse: false, unit },
      legend: { show: true },
      tooltip: { mode: 'single', yHistogram: false, showColorScale: false },
      exemplars: { color: 'rgba(255,0,255,0.7)' },
    },
  });
}

// Joins the columns of a table panel by their labels, without time, under their names.
function joined(columns, labels) {
  const renamed = columns.map((c, i) => [columns.length === 1 ? 'Value' : `Value #${String.fromCharCode(65 + i)}`, c.name]);
  return [
    { id: 'merge', options: {} },
    {
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries([...labels, ...renamed.map(([from]) => from)].map((name, i) => [name, i])),
        renameByName: Object.fromEntries(renamed),
      },
    },
  ];
}

// Columns side by side, one row for each combination of `labels`, in the order of the column `sortBy`.
export function table(title, description, columns, labels, { size = [12, 8], sortBy = labels[0] } = {}) {
  return panel('table', title, description, 'short', columns.map((c) => c.target), {
    size,
    custom: { align: 'auto', inspect: false, filterable: true, cellOptions: { type: 'auto' } },
    overrides: columns.map((c) => ({
      matcher: { id: 'byName', options: c.name },
      properties: [{ id: 'unit', value: c.unit }],
    })),
    transformations: joined(columns, labels),
    options: {
      frameIndex: 0,
      showHeader: true,
      cellHeight: 'sm',
      sortBy: [{ displayName: sortBy, desc: false }],
    },
  });
}

function barOptions(xField) {
  return {
    xField,
    orientation: 'auto',
    xTickLabelRotation: 0,
    xTickLabelMaxLength: 16,
    xTickLabelSpacing: 0,
    stacking: 'none',
    showValue: 'auto',
    barWidth: 0.9,
    groupWidth: 0.8,
    legend: LEGEND,
    tooltip: TOOLTIP,
    fullHighlight: false,
  };
}
const BAR_CUSTOM = { lineWidth: 1, fillOpacity: 80, axisPlacement: 'auto' };

// One group of bars for each value of `label`, one bar for each column.
export function bars(title, description, unit, columns, label, { size = [12, 8] } = {}) {
  return panel('barchart', title, description, unit, columns.map((c) => c.target), {
    size,
    custom: BAR_CUSTOM,
    defaults: { min: 0 },
    transformations: joined(columns, [label]),
    options: { ...barOptions(label), ...(columns.length === 1 ? { legend: NO_LEGEND } : {}) },
  });
}

// One group of bars for each value of `rows`, one bar for each value of `series`.
export function matrixBars(title, description, unit, target, rows, series, { size = [12, 8] } = {}) {
  return panel('barchart', title, description, unit, [{ ...target, format: 'table' }], {
    size,
    custom: BAR_CUSTOM,
    defaults: { min: 0 },
    transformations: [
      { id: 'groupingToMatrix', options: { rowField: rows, columnField: series, valueField: 'Value', emptyValue: 'null' } },
    ],
    options: barOptions(`${rows}\\${series}`),
  });
}

// Panels of a row from left to right, wrapped at the width of the grid; with `collapsed`, folded away.
export function row(title, panels, { collapsed = false } = {}) {
  return { title, collapsed, panels };
}

// Gives the rows' panels their places and ids.
function laidOut(rows) {
  const WIDTH = 24;
  let id = 0;
  let y = 0;
  return rows.flatMap(({ title, collapsed, panels }) => {
    const header = { type: 'row', id: ++id, title, collapsed, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] };
    y += 1;
    let x = 0;
    let height = 0;
    const placed = panels.map(({ size: [w, h], ...rest }) => {
      if (x + w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      const gridPos = { x, y, w, h };
      x += w;
      height = Math.max(height, h);
      return { ...rest, id: ++id, gridPos };
    });
    y += height;
    return collapsed ? [{ ...header, panels: placed }] : [header, ...placed];
  });
}

function variable(type, name, label, rest) {
  return { type, name, label, hide: 0, skipUrlSync: false, ...rest };
}

// A variable filled from the values of a label; `expr` is the argument of label_values(). With `one` exactly one value is
// chosen, otherwise any number of them.
export function labelVariable(name, label, expr, { one = false } = {}) {
  const all = { includeAll: true, allValue: '.*', current: { selected: true, text: ['All'], value: ['$__all'] } };
  return variable('query', name, label, {
    datasource: DATASOURCE,
    query: { query: `label_values(${expr})`, refId: `variable-${name}` },
    multi: !one,
    ...(one ? { includeAll: false } : all),
    options: [],
    refresh: 2,
    sort: 1,
    regex: '',
  });
}

export function datasourceVariable() {
  return variable('datasource', 'datasource', 'Data source', {
    query: 'prometheus',
    multi: false,
    includeAll: false,
    options: [],
    refresh: 1,
    regex: '',
  });
}

// One of `choices`, a map from shown texts to values; `${name:text}` in a title is the text.
export function choiceVariable(name, label, choices, chosen) {
  const options = Object.entries(choices).map(([text, value]) => ({ selected: text === chosen, text, value }));
  return variable('custom', name, label, {
    query: options.map(({ text, value }) => `${text} : ${value}`).join(', '),
    multi: false,
    includeAll: false,
    current: { selected: true, text: chosen, value: choices[chosen] },
    options,
  });
}

// An annotation for every value above 0 of `expr`, which is evaluated at steps of `step`.
export function annotation(name, color, expr, step, title, text) {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: color,
    expr,
    step,
    titleFormat: title,
    textFormat: text,
  };
}

// A link to another dashboard, with the time range and the variables that are chosen here.
export function link(title, uid) {
  return {
    type: 'link',
    title,
    tooltip: '',
    icon: 'external link',
    url: `/d/${uid}`,
    tags: [],
    asDropdown: false,
    targetBlank: false,
    includeVars: true,
    keepTime: true,
  };
}

export function dashboard({ uid, title, description, variables, annotations, rows, links = [] }) {
  return {
    uid,
    title,
    description,
    tags: ['smartbatch'],
    timezone: 'browser',
    editable: false,
    graphTooltip: 1,
    time: { from: 'now-15m', to: 'now' },
    timepicker: { refresh_intervals: ['5s', '10s', '30s', '1m', '5m'] },
    refresh: '10s',
    schemaVersion: 41,
    links,
    templating: { list: variables },
    annotations: { list: annotations },
    panels: laidOut(rows),
  };
}

// Asks the proxy for its state once a second while the page is visible, and shows it. Load timeline.js and hover.js
// before it. Whatever the proxy answers becomes text, never markup.
'use strict';

(() => {
  const POLL_MS = 1000;
  const BATCHES = 40;
  const at = (id) => document.getElementById(id);
  const element = (tag, className, ...content) => {
    const made = document.createElement(tag);
    made.className = className;
    made.append(...content.map((part) => (part instanceof Node ? part : String(part))));
    return made;
  };

  // --- Figures in words ---

  const whole = (number) => Number(number).toLocaleString('en');
  const seconds = (s) => (s >= 86400 ? `${(s / 86400).toFixed(1)} days` : s >= 3600 ? `${(s / 3600).toFixed(1)} h` : s >= 60 ? `${(s / 60).toFixed(1)} min` : Timeline.milliseconds(1000 * s));
  const orNone = (value, said) => (value === null ? '–' : said(value));
  const times = (factor) => `${factor >= 10 ? factor.toFixed(0) : factor.toFixed(1)} ×`;
  const small = (value) => {
    const units = [[1, 's'], [1e-3, 'ms'], [1e-6, 'µs'], [1e-9, 'ns']];
    const [scale, unit] = units.find(([least]) => value >= least) ?? [1e-12, 'ps'];
    return `${Number((value / scale).toPrecision(3))} ${unit}`;
  };
  // The terms of a cost that are not zero.
  function costInWords({ fixed, quadratic, per_sequence, per_character, per_character_squared, knee }) {
    const terms = [[quadratic, ' · L²'], [per_sequence, ' · n'], [per_character, ' · n · L'], [per_character_squared, ' · n · L²']]
      .filter(([value]) => value > 0).map(([value, of]) => small(value) + of);
    if (knee > 1 && fixed > 0) return `${small(fixed)} beside ${terms.join(' + ') || '0 s'} (knee ${Number(knee.toPrecision(2))})`;
    return [...(fixed > 0 ? [small(fixed)] : []), ...terms].join(' + ') || '0 s';
  }

  function fill(table, header, rows) {
    const line = (tag, cells) => element('tr', '', ...cells.map((cell) => (cell instanceof HTMLTableCellElement ? cell : element(tag, '', cell))));
    table.replaceChildren(element('thead', '', line('th', header)), element('tbody', '', ...rows.map((row) => line('td', row))));
  }

  // --- The parts of the page ---

  let colours = Timeline.palette([]);
  const swatch = (colour, kind = '') => {
    const made = element('span', `swatch ${kind}`);
    if (colour) made.style.background = colour;
    return made;
  };

  // Each model has a page of its own.
  function showModels({ model, models }) {
    at('models').hidden = models.length < 2;
    if (models.length < 2 || at('models').childElementCount === models.length) return;
    at('models').replaceChildren(...models.map((other) => {
      const link = element('a', '', other.model);
      link.href = other.path;
      if (other.model === model) link.setAttribute('aria-current', 'page');
      return link;
    }));
  }

  let last = null; // {at, answered}: to know how many answers a second
  function showTiles(state, now) {
    const answered = state.outcomes.answered;
    const rate = last && now > last.at ? (1000 * (answered - last.answered)) / (now - last.at) : null;
    last = { at: now, answered };
    const refused = Object.values(state.refusals).reduce((sum, count) => sum + count, 0);
    const up = state.backends.filter((backend) => backend.up).length;
    const tiles = [
      ['strategy', state.strategy.name === state.strategy.deciding ? state.strategy.name : `${state.strategy.name}: ${state.strategy.deciding}`],
      ['waiting requests', whole(state.queued_requests)],
      ['oldest has waited', seconds(state.oldest_age_seconds)],
      ['answers a second', orNone(rate, (value) => value.toFixed(1))],
      ['batches running', whole(state.batches_in_flight)],
      ['recently refused', whole(refused), refused > 0],
      ['backends up', `${up} of ${state.backends.length}`, up < state.backends.length],
    ];
    at('tiles').replaceChildren(...tiles.map(([what, figure, isBad]) =>
      element('div', '', element('dt', '', what), element('dd', isBad ? 'bad' : '', figure))));
  }

  // The end of a chart, from the moment `from` on.
  function endOf(chart, from) {
    const moved = (ms) => (ms === null ? null : ms - from);
    return {
      ...chart,
      duration_ms: chart.duration_ms - from,
      batches: chart.batches.filter((batch) => batch.end_ms === null || batch.end_ms > from)
        .map((batch) => ({ ...batch, start_ms: moved(batch.start_ms), end_ms: moved(batch.end_ms) })),
    };
  }

  let drawn = null; // the chart that is shown
  function showChart(chart) {
    const span = Number(at('span').value);
    const first = chart.batches[Math.max(0, chart.batches.length - BATCHES)];
    if (!first) {
      drawn = null;
      at('chart').replaceChildren(element('p', 'note', 'No batch was sent in the last minute.'));
      at('legend').replaceChildren();
      at('shares').textContent = '';
      return;
    }
    drawn = endOf(chart, span > 0 ? Math.max(0, chart.duration_ms - span) : Math.max(0, first.start_ms));
    const { svg } = Timeline.draw(drawn, { width: Math.max(300, at('chart').clientWidth), colours });
    at('chart').innerHTML = svg; // text in it is escaped by timeline.js
    at('legend').replaceChildren(
      ...colours.groups.slice(0, 16).map(({ label, colour }) => element('li', '', swatch(colour), label)),
      ...(colours.groups.length > 16 ? [element('li', '', `and ${colours.groups.length - 16} more`)] : []),
      element('li', '', swatch(null, 'padding'), 'padding'),
      element('li', '', swatch(null, 'empty'), 'empty seats'));
    const shares = Timeline.figures(drawn);
    at('shares').textContent = `Busy for ${Timeline.percent(shares.busy)} of this time: ${Timeline.percent(shares.filled)} for what was asked, ` +
      `${Timeline.percent(shares.padding)} for padding, ${Timeline.percent(shares.empty)} for empty seats.`;
  }

  const inOrder = new Intl.Collator('en', { numeric: true }).compare;
  function showCustomers(state) {
    const customers = [...state.customers].sort((a, b) => inOrder(a.customer, b.customer));
    const most = Math.max(1, ...state.customers.map((customer) => customer.queued_requests));
    const window = state.recent_seconds > 0 ? `Answers of the last ${seconds(state.recent_seconds)}` : 'Answers from now on';
    at('window').textContent = `${window}. Slowdown: latency against the time of the longest text in a ` +
      'batch of its own, in the median.';
    fill(at('customers'), ['customer', element('th', 'text', 'waits'), 'oldest', 'answers', 'p50', 'p95', 'slowdown', 'refused', 'failed', 'charged'], customers.map((customer) => {
      const waits = element('td', 'text');
      const bar = element('span', 'bar');
      bar.style.width = `${(60 * customer.queued_requests) / most}px`;
      bar.style.background = colours.of(customer.customer);
      waits.append(element('span', 'count', whole(customer.queued_requests)), bar);
      return [
        element('td', '', swatch(colours.of(customer.customer)), customer.customer),
        waits,
        customer.queued_requests > 0 ? seconds(customer.oldest_age_seconds) : '–',
        whole(customer.answered),
        orNone(customer.p50_ms, Timeline.milliseconds),
        orNone(customer.p95_ms, Timeline.milliseconds),
        orNone(customer.slowdown, times),
        element('td', customer.refused > 0 ? 'bad' : '', whole(customer.refused)),
        element('td', customer.failed > 0 ? 'bad' : '', whole(customer.failed)),
        seconds(customer.charged_seconds),
      ];
    }));
  }

  function show(state, now) {
    colours = Timeline.palette([...state.chart.customers, ...state.customers.map(({ customer }) => customer)]);
    showModels(state);
    at('about').textContent = `version ${state.version}, process ${state.process_id}, up for ${seconds(state.uptime_seconds)}`;
    showTiles(state, now);
    showChart(state.chart);
    showCustomers(state);
    const reasons = Object.entries(state.refusals);
    fill(at('refusals'), ['recently refused because', 'requests'], reasons.length > 0 ? reasons.map(([reason, count]) => [reason, whole(count)]) : [['nothing was refused', '–']]);
    fill(at('outcomes'), ['since the start', 'requests'], Object.entries(state.outcomes).map(([outcome, count]) => [outcome, whole(count)]));
    fill(at('backends'), ['backend', 'state', 'batches', 'cost of a batch', 'error', 'learned from'], state.backends.map((backend) => [
      backend.address,
      element('td', backend.up ? 'good' : 'bad', backend.up ? 'up' : 'DOWN'),
      `${backend.batches_in_flight} of ${backend.slots}`,
      element('td', 'text', costInWords(backend.cost)),
      Timeline.percent(backend.prediction_error_ratio),
      Timeline.counted(backend.learned_batches, 'batch', 'batches'),
    ]));
    at('advice').textContent = state.strategy.advice ?? '';
    fill(at('strategy'), [`${state.strategy.name} (generation ${state.strategy.generation})`, 'value'], Object.entries(state.strategy.parameters));
  }

  // --- Asking ---

  let paused = false;
  let shown = null;
  async function ask() {
    try {
      const answer = await fetch('live.json', { cache: 'no-store' });
      if (!answer.ok) throw new Error(`the proxy answered ${answer.status}`);
      const state = await answer.json();
      at('trouble').hidden = true;
      if (paused) return;
      shown = state;
      show(state, performance.now());
    } catch (error) {
      last = null;
      at('trouble').textContent = `No answer from the proxy since ${new Date().toLocaleTimeString('en-GB')}: ${error.message}. The data below is old.`;
      at('trouble').hidden = false;
    }
  }
  async function run() {
    if (!document.hidden && !paused) await ask();
    setTimeout(run, POLL_MS);
  }

  at('pause').addEventListener('click', () => {
    paused = !paused;
    last = null;
    at('pause').textContent = paused ? '▶ Go on' : '❚❚ Pause';
  });
  at('span').addEventListener('change', () => { if (shown) showChart(shown.chart); });
  window.addEventListener('resize', () => { if (shown) showChart(shown.chart); });
  Hover.watch(at('charts'), at('tip'), () => drawn);
  run();
})();

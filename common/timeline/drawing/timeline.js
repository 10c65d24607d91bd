// Draws batches over time. Plain functions from data to text: the proxy's live page, the pages that loadgen writes and
// the pictures of the documents (node common/timeline/drawing/still.js) all come from here.
//
// A chart, as common/timeline/chart.h writes it; times are milliseconds from its beginning:
//   {title, note, seats, duration_ms, customers: [name], backends: [{name, slots}],
//    batches: [{number, backend, start_ms, end_ms or null, predicted_ms, strategy, reason, status,
//               rows: [[customer, length, request]]}],
//    requests: [{number, customer, arrival_ms, end_ms or null, answered}]}
//
// A batch is a bar, as long as the batch took. The bar has a row for each seat. A sequence's row is coloured by
// customer, for as much of the bar as the sequence is long beside the longest of the batch; the rest of the row is grey
// (padding). The rows of empty seats are light.
'use strict';

const Timeline = (() => {
  const escaped = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const short = (number) => String(Number(number.toFixed(2)));
  const milliseconds = (ms) =>
    ms >= 1e4 ? `${(ms / 1e3).toFixed(1)} s` : ms >= 2e3 ? `${(ms / 1e3).toFixed(2)} s` : ms >= 100 ? `${ms.toFixed(0)} ms` : ms >= 1 || ms === 0 ? `${short(Number(ms.toFixed(1)))} ms` : `${ms.toFixed(2)} ms`;
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

  // --- Colours: those of Okabe and Ito, which the colour-blind can tell apart ---

  const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#b8a800', '#8c6d5a'];

  const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  const lighter = (colour, share) =>
    `#${channels(colour).map((c) => Math.round(c + (255 - c) * share).toString(16).padStart(2, '0')).join('')}`;
  const isLight = (colour) => {
    const [red, green, blue] = channels(colour);
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150;
  };

  // Customers whose names differ only by a number at the end (small-1, small-2) share a colour in shades.
  const stemOf = (name) => name.replace(/[-_ .]?\d+$/, '') || name;

  // The colours of `names`: {of(name), groups: [{label, colour, names}]}. The same names get the same colours.
  function palette(names) {
    const sorted = [...new Set(names)].sort();
    const stems = [...new Set(sorted.map(stemOf))];
    const byStem = stems.length > 1 && stems.length <= COLOURS.length;
    const members = new Map();
    for (const name of sorted) {
      const key = byStem ? stemOf(name) : name;
      members.set(key, [...(members.get(key) ?? []), name]);
    }
    const colours = new Map();
    const groups = [...members.values()].map((group, place) => {
      const colour = lighter(COLOURS[place % COLOURS.length], Math.min(0.2 * Math.floor(place / COLOURS.length), 0.6));
      group.forEach((name, i) => colours.set(name, lighter(colour, group.length > 1 ? (0.4 * i) / (group.length - 1) : 0)));
      const label = group.length > 1 ? `${group[0]} … ${group[group.length - 1]}` : group[0];
      return { label, colour, names: group };
    });
    return { of: (name) => colours.get(name) ?? '#777777', groups };
  }

  // --- What a chart says in numbers ---

  // Up to the moment `until`: how many requests were answered, their mean latency (null if none was) and how many wait
  // or run; and the share of all seats' time in which a backend worked, split into sequences (colour), padding and
  // empty seats.
  function figures(chart, until = chart.duration_ms) {
    const answered = chart.requests.filter((r) => r.answered && r.end_ms !== null && r.end_ms <= until);
    const present = chart.requests.filter((r) => r.arrival_ms <= until && (r.end_ms === null || r.end_ms > until)).length;
    const sum = answered.reduce((total, r) => total + (r.end_ms - r.arrival_ms), 0);
    const area = { filled: 0, padding: 0, empty: 0 };
    for (const batch of chart.batches) {
      const took = Math.max(0, Math.min(batch.end_ms ?? until, until) - Math.max(batch.start_ms, 0));
      const longest = Math.max(1, ...batch.rows.map(([, length]) => length));
      const filled = batch.rows.reduce((total, [, length]) => total + length / longest, 0);
      area.filled += took * filled;
      area.padding += took * (batch.rows.length - filled);
      area.empty += took * Math.max(0, chart.seats - batch.rows.length);
    }
    const all = until * chart.seats * chart.backends.reduce((total, { slots }) => total + slots, 0) || 1;
    return {
      answered: answered.length,
      present,
      mean_ms: answered.length > 0 ? sum / answered.length : null,
      busy: (area.filled + area.padding + area.empty) / all,
      filled: area.filled / all,
      padding: area.padding / all,
      empty: area.empty / all,
    };
  }

  // The mean latency of each group of a palette that got an answer: [{label, mean_ms}].
  function meansOf(chart, colours) {
    return colours.groups.flatMap(({ label, names }) => {
      const own = new Set(names);
      const answered = chart.requests.filter((r) => r.answered && r.end_ms <= chart.duration_ms && own.has(chart.customers[r.customer]));
      const sum = answered.reduce((total, r) => total + (r.end_ms - r.arrival_ms), 0);
      return answered.length > 0 ? [{ label, mean_ms: sum / answered.length }] : [];
    });
  }

  const REASONS = {
    full: 'no seat was free',
    slot_free: 'a backend was free, and nothing better was worth waiting for',
    hold: 'it had been held for a moment, and seats stayed free',
    linger: 'its time to linger was over',
    lane: 'the oldest request went by its reserved share of the backend (the lane)',
    max_wait: 'the oldest request had waited for max_wait',
    retry: 'a row is tried again alone, after its batch had failed',
  };

  // Describes a batch in words, as a list of lines.
  function describe(chart, batch) {
    const longest = Math.max(1, ...batch.rows.map(([, length]) => length));
    const filled = batch.rows.reduce((total, [, length]) => total + length / longest, 0) / chart.seats;
    const requests = new Set(batch.rows.map(([, , request]) => request)).size;
    const rowsOf = new Map();
    for (const [customer, length] of batch.rows) {
      const name = chart.customers[customer] ?? '?';
      rowsOf.set(name, [...(rowsOf.get(name) ?? []), length]);
    }
    const took = batch.end_ms === null
      ? `runs; predicted ${milliseconds(batch.predicted_ms)}`
      : `took ${milliseconds(batch.end_ms - batch.start_ms)}, predicted ${milliseconds(batch.predicted_ms)}`;
    const lines = [
      `Batch ${batch.number}, by ${batch.strategy}, on ${chart.backends[batch.backend]?.name ?? '?'}`,
      `It left because ${REASONS[batch.reason] ?? batch.reason}.`,
      `${counted(batch.rows.length, 'row')} of ${counted(requests, 'request')}, the longest ${counted(longest, 'character')}; it ${took}.`,
      `${percent(filled)} of its area is asked for, ${percent(batch.rows.length / chart.seats - filled)} padding, ` +
        `${percent(Math.max(0, 1 - batch.rows.length / chart.seats))} empty seats.`,
    ];
    if (batch.status && batch.status !== 'OK') lines.push(`It ended with ${batch.status}.`);
    for (const [name, lengths] of rowsOf) lines.push(`${name}: ${lengths.join(', ')}`);
    return lines;
  }

  // --- Drawing ---

  // A lane for each slot of each backend. A batch is drawn in the first lane that is free when it is sent. Returns
  // {lanes: [{backend, slot}], of: [lane of each batch]}.
  function lanesOf(chart) {
    // Slots beyond these get a lane once they are used.
    const free = chart.backends.map(({ slots }) => Array(Math.min(slots, 8)).fill(-Infinity));
    const placed = chart.batches.map(({ backend, start_ms, end_ms }) => {
      const slots = free[backend];
      let slot = slots.findIndex((until) => until <= start_ms + 1e-6);
      if (slot < 0) slot = slots.length; // a batch that was given up still runs
      slots[slot] = end_ms ?? Infinity;
      return [backend, slot];
    });
    const first = [];
    let count = 0;
    free.forEach((slots, backend) => {
      first[backend] = count;
      count += slots.length;
    });
    return {
      lanes: free.flatMap((slots, backend) => slots.map((_, slot) => ({ backend, slot }))),
      of: placed.map(([backend, slot]) => first[backend] + slot),
    };
  }

  // Steps of 1, 2 or 5 times a power of ten, about `count` of them.
  function stepOf(range, count) {
    const raw = range / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= raw);
  }

  function drawBatch(chart, batch, place, colours, options) {
    const { x, y, width, rowHeight } = place;
    const longest = Math.max(1, ...batch.rows.map(([, length]) => length));
    const parts = [`<rect class="padding" x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(batch.rows.length * rowHeight)}"/>`];
    batch.rows.forEach(([customer, length, request], i) => {
      const colour = colours.of(chart.customers[customer] ?? '?');
      const top = y + i * rowHeight;
      const long = Math.max(Math.min(width, 1), (width * length) / longest);
      const gap = width > 3 && rowHeight > 5 ? 0.5 : 0;
      parts.push(`<rect class="row" data-request="${request}" x="${short(x)}" y="${short(top + gap)}" width="${short(long)}" height="${short(rowHeight - 2 * gap)}" fill="${colour}"/>`);
      if (rowHeight >= 10 && long >= 7 * String(length).length + 8) {
        parts.push(`<text class="length" x="${short(x + 4)}" y="${short(top + rowHeight / 2 + 3.5)}" fill="${isLight(colour) ? '#000000' : '#ffffff'}">${length}</text>`);
      }
    });
    const empty = chart.seats - batch.rows.length;
    if (empty > 0 && width > 1) {
      parts.push(`<rect class="empty" x="${short(x)}" y="${short(y + batch.rows.length * rowHeight)}" width="${short(width)}" height="${short(empty * rowHeight)}"/>`);
    }
    const bad = batch.status && batch.status !== 'OK';
    const kind = bad ? ' failed' : batch.end_ms === null ? ' running' : batch.reason === 'lane' || batch.reason === 'max_wait' ? ' lane' : '';
    if (width > 2 || kind) {
      parts.push(`<rect class="frame${kind}" x="${short(x)}" y="${short(y)}" width="${short(Math.max(width, 1))}" height="${short(chart.seats * rowHeight)}"/>`);
    }
    if (options.reasons && width > 6.2 * batch.reason.length) {
      parts.push(`<text class="small" x="${short(x + 2)}" y="${short(y - 4)}">${escaped(batch.reason)}</text>`);
    }
    return `<g class="batch" data-batch="${batch.number}">${parts.join('')}</g>`;
  }

  // How many requests wait or run, with one colour for each group of customers, stacked. The area is the sum of the
  // times for which requests waited or ran.
  function drawPresent(chart, colours, x, y, height, most, to) {
    const groupOf = new Map(colours.groups.flatMap((group, i) => group.names.map((name) => [name, i])));
    const events = chart.requests.flatMap((r) => {
      const group = groupOf.get(chart.customers[r.customer]) ?? 0;
      return [[Math.max(0, r.arrival_ms), 1, group], [r.end_ms ?? Infinity, -1, group]];
    }).filter(([time]) => time <= to).sort((a, b) => a[0] - b[0] || b[1] - a[1]);
    const counts = colours.groups.map(() => 0);
    const steps = [[0, [...counts]]];
    for (const [time, by, group] of events) {
      counts[group] += by;
      if (steps[steps.length - 1][0] === time) steps[steps.length - 1][1] = [...counts];
      else steps.push([time, [...counts]]);
    }
    const top = (step, group) => y + height - (height * step.slice(0, group + 1).reduce((sum, count) => sum + count, 0)) / most;
    const outline = (group) => {
      const points = [];
      steps.forEach(([time, step], i) => {
        points.push(`${short(x(time))},${short(top(step, group))}`);
        points.push(`${short(x(i + 1 < steps.length ? steps[i + 1][0] : to))},${short(top(step, group))}`);
      });
      return `M${short(x(0))},${short(y + height)}L${points.join('L')}L${short(x(to))},${short(y + height)}Z`;
    };
    // The outermost is drawn first: each covers what lies below it.
    return colours.groups.map((group, i) => `<path d="${outline(i)}" fill="${group.colour}"/>`).reverse().join('');
  }

  // The most requests that waited or ran at once.
  function mostPresent(chart) {
    const events = chart.requests.flatMap((r) => [[r.arrival_ms, 1], [r.end_ms ?? Infinity, -1]])
      .sort((a, b) => a[0] - b[0] || b[1] - a[1]);
    let count = 0;
    let most = 0;
    for (const [time, by] of events) {
      if (time > chart.duration_ms) break;
      count += by;
      most = Math.max(most, count);
    }
    return most;
  }

  // The chart as the text of an <svg>, with its size and the function from times to positions:
  //   {svg, width, height, x(ms)}
  // Options: width (pixels), to (ms, the end of the axis), rowHeight (pixels), colours (of palette()), present (the top of
  // the scale of waiting requests; 0 for none), id (of the clip that a player moves; no clip without), reasons (written above the
  // bars).
  function draw(chart, given = {}) {
    const options = { width: 1100, to: chart.duration_ms, colours: palette(chart.customers), present: 0, ...given };
    const rowHeight = options.rowHeight ?? (chart.seats <= 24 ? Math.min(13, 72 / chart.seats) : 96 / chart.seats);
    const [left, right, laneGap, presentHeight] = [8, 12, options.reasons ? 30 : 18, options.present > 0 ? 80 : 0];
    const x = (ms) => left + ((options.width - left - right) * Math.max(0, Math.min(ms, options.to))) / options.to;
    const { lanes, of } = lanesOf(chart);
    const laneHeight = chart.seats * rowHeight;
    const laneTop = (lane) => laneGap + lane * (laneHeight + laneGap);
    const presentTop = laneTop(lanes.length) + 4;
    const axis = options.present > 0 ? presentTop + presentHeight : presentTop - laneGap + 6;
    const height = axis + 22;

    const background = [];
    const step = stepOf(options.to, options.width / 90);
    for (let i = 0; i * step <= options.to * 1.0001; ++i) {
      const ms = i * step;
      const label = options.to >= 2000 ? `${short(ms / 1e3)} s` : `${short(ms)} ms`;
      background.push(`<line class="grid" x1="${short(x(ms))}" x2="${short(x(ms))}" y1="${laneGap}" y2="${short(axis)}"/>`);
      const anchor = i === 0 ? 'start' : x(ms) > options.width - 24 ? 'end' : 'middle';
      background.push(`<text class="small" text-anchor="${anchor}" x="${short(x(ms))}" y="${short(axis + 15)}">${label}</text>`);
    }
    lanes.forEach(({ backend, slot }, lane) => {
      const { name, slots } = chart.backends[backend];
      const label = slots > 1 ? `${name}, slot ${slot + 1}` : name;
      background.push(`<rect class="lane-ground" x="${left}" y="${short(laneTop(lane))}" width="${short(x(options.to) - left)}" height="${short(laneHeight)}"/>`);
      background.push(`<text class="small" x="${left}" y="${short(laneTop(lane) - (options.reasons ? 17 : 5))}">${escaped(label)}</text>`);
    });
    if (options.present > 0) {
      background.push(`<text class="small" x="${left}" y="${short(presentTop - 5)}">requests that wait or run (up to ${options.present})</text>`);
    }

    const marks = chart.batches.map((batch, i) => {
      if (batch.start_ms >= options.to || (batch.end_ms ?? Infinity) <= 0) return '';
      const from = x(batch.start_ms);
      const width = Math.max(1, x(batch.end_ms ?? options.to) - from);
      return drawBatch(chart, batch, { x: from, y: laneTop(of[i]), width, rowHeight }, options.colours, options);
    });
    if (options.present > 0) {
      marks.push(drawPresent(chart, options.colours, x, presentTop, presentHeight, options.present, options.to));
    }
    const clip = options.id === undefined ? ['', '<g>'] : [
      `<clipPath id="clip-${escaped(options.id)}"><rect x="0" y="0" width="${options.width}" height="${short(height)}"/></clipPath>`,
      `<g clip-path="url(#clip-${escaped(options.id)})">`,
    ];
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" aria-label="${escaped(`Batches over time: ${chart.title}`)}" ` +
      `width="${options.width}" height="${short(height)}" viewBox="0 0 ${options.width} ${short(height)}">` +
      `${clip[0]}${background.join('')}${clip[1]}${marks.join('')}</g></svg>`;
    return { svg, width: options.width, height, x };
  }

  return { counted, describe, draw, escaped, figures, meansOf, milliseconds, mostPresent, palette, percent };
})();

if (typeof module !== 'undefined') module.exports = Timeline;

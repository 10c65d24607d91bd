// Shows charts one above another over the same time, and plays them. Needs timeline.js and hover.js before it.
'use strict';

(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const { charts } = data;
  const at = (id) => document.getElementById(id);
  const element = (tag, className, text = '') => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };

  const duration = Math.max(...charts.map((chart) => chart.duration_ms));
  const present = Math.max(1, ...charts.map(Timeline.mostPresent));
  const colours = Timeline.palette(charts.flatMap((chart) => chart.customers));

  // --- The words above the pictures ---

  at('heading').textContent = data.title;
  document.title = data.title;
  function verdict() {
    const found = charts.map((chart) => ({ chart, of: Timeline.figures(chart) })).filter(({ of }) => of.mean_ms !== null);
    if (found.length < 2) return [];
    found.sort((a, b) => a.of.mean_ms - b.of.mean_ms);
    const [best, worst] = [found[0], found[found.length - 1]];
    const sentence = ({ chart, of }) => {
      const means = Timeline.meansOf(chart, colours);
      const groups = means.length > 1 && means.length <= 4
        ? ` (${means.map(({ label, mean_ms }) => `${label}: ${Timeline.milliseconds(mean_ms)}`).join('; ')})` : '';
      return `Under ${chart.title} an answer took ${Timeline.milliseconds(of.mean_ms)} in the mean${groups}, and the backends ` +
        `were busy for ${Timeline.percent(of.busy)} of the time, ${Timeline.percent(of.padding + of.empty)} for padding and empty seats.`;
    };
    return [worst, best].map(sentence);
  }
  at('verdict').append(...verdict().map((sentence) => element('p', '', sentence)));

  const legend = at('legend');
  const entry = (label, swatch) => {
    const item = element('li', '');
    item.append(swatch, label);
    legend.append(item);
  };
  for (const { label, colour } of colours.groups.slice(0, 24)) {
    const swatch = element('span', 'swatch');
    swatch.style.background = colour;
    entry(label, swatch);
  }
  if (colours.groups.length > 24) entry(`and ${colours.groups.length - 24} more`, element('span', ''));
  entry('padding', element('span', 'swatch padding'));
  entry('empty seats', element('span', 'swatch empty'));

  // --- The pictures ---

  const views = charts.map((chart, i) => {
    const section = element('section', 'chart');
    const counters = element('p', 'counters');
    const scroller = element('div', 'scroller');
    section.append(element('h2', '', chart.title), element('p', 'note', chart.note), counters, scroller);
    at('charts').append(section);
    return { chart, counters, scroller, id: String(i), drawn: null, clip: null };
  });

  let moment = duration;
  function show() {
    for (const { chart, counters, drawn, clip } of views) {
      const now = Timeline.figures(chart, Math.min(moment, chart.duration_ms));
      counters.replaceChildren(...[
        [String(now.answered), 'answered'],
        [now.mean_ms === null ? '–' : Timeline.milliseconds(now.mean_ms), 'mean so far'],
        [String(now.present), 'wait or run'],
        [Timeline.percent(now.busy), 'of the time busy:'],
        [Timeline.percent(now.filled), 'asked for'],
        [Timeline.percent(now.padding), 'padding'],
        [Timeline.percent(now.empty), 'empty seats'],
      ].map(([figure, what]) => {
        const counter = element('span', '');
        counter.append(element('b', '', figure), ` ${what}`);
        return counter;
      }));
      clip.setAttribute('width', moment >= duration ? drawn.width : drawn.x(moment));
    }
    at('moment').value = (1000 * moment) / duration;
    at('clock').textContent = Timeline.milliseconds(moment);
  }

  function draw() {
    const zoom = Number(at('zoom').value);
    for (const view of views) {
      const width = Math.max(320, view.scroller.clientWidth) * zoom;
      view.drawn = Timeline.draw(view.chart, { width, to: duration, colours, present, id: view.id });
      view.scroller.innerHTML = view.drawn.svg;
      view.clip = view.scroller.querySelector('clipPath rect');
    }
    show();
  }

  // --- Playing ---

  let playing = null; // {from: moment, since: time of the browser}
  function frame(now) {
    if (!playing) return;
    playing.since ??= now;
    moment = Math.min(duration, playing.from + ((now - playing.since) / (1000 * Number(at('pace').value))) * duration);
    show();
    for (const { scroller, drawn } of views) {
      if (drawn.width > scroller.clientWidth) scroller.scrollLeft = drawn.x(moment) - 0.8 * scroller.clientWidth;
    }
    if (moment >= duration) stop();
    else requestAnimationFrame(frame);
  }
  function stop() {
    playing = null;
    at('play').textContent = '▶ Play';
  }
  at('play').addEventListener('click', () => {
    if (playing) return stop();
    playing = { from: moment >= duration ? 0 : moment, since: null };
    at('play').textContent = '❚❚ Pause';
    requestAnimationFrame(frame);
  });
  at('moment').addEventListener('input', () => {
    stop();
    moment = (duration * Number(at('moment').value)) / 1000;
    show();
  });
  at('zoom').addEventListener('change', draw);
  // One chart scrolls with the other.
  for (const { scroller } of views) {
    scroller.addEventListener('scroll', () => views.forEach((other) => { other.scroller.scrollLeft = scroller.scrollLeft; }));
  }
  if (window.innerWidth < 600) at('zoom').value = '3';
  new ResizeObserver(draw).observe(at('charts'));

  Hover.watch(at('charts'), at('tip'), (section) => views[[...at('charts').children].indexOf(section)].chart);
  draw();
})();

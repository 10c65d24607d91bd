// Checks the pages in Debian's chromium:
//   node scripts/checks/browser/pages.mjs live URL STATUS.json SCREEN FOLDER   the live page, beside GetStatus' answer
//   node scripts/checks/browser/pages.mjs hostile URL                          the same page, given names that are markup
//   node scripts/checks/browser/pages.mjs charts PAGE.html FOLDER              a page that loadgen has written
// SCREEN is light, dark or phone; the mode `charts` uses all of them. The live page shows the last minute: put load on the proxy before. Exit code 1 and one line for each fault; pictures go into FOLDER.
import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { withPage } from './browser.mjs';

const [what, ...given] = process.argv.slice(2);
const faults = [];
const expect = (holds, fault) => { if (!holds) faults.push(fault); };

const SCREENS = [
  { name: 'light', width: 1280, height: 900, scheme: 'light' },
  { name: 'dark', width: 1280, height: 900, scheme: 'dark' },
  { name: 'phone', width: 390, height: 844, scheme: 'light' },
];
// Opens the page on each of the screens and checks it.
async function onScreens(screens, url, folder, look) {
  mkdirSync(folder, { recursive: true });
  for (const { name, ...screen } of screens) {
    await withPage(screen, async (page, troubles) => {
      const requests = [];
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(url);
      await look(page, name);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wider <= 0, `${name}: the page is ${wider} pixels wider than the screen`);
      const elsewhere = requests.filter((each) => new URL(each).origin !== new URL(url).origin && !each.startsWith('data:'));
      expect(elsewhere.length === 0, `${name}: it asks elsewhere: ${elsewhere.join(', ')}`);
      faults.push(...troubles.map((trouble) => `${name}: ${trouble}`));
      await page.screenshot({ path: `${folder}/${what}-${name}.png`, fullPage: true });
    });
  }
}

// The contrast of text with its background, by WCAG 2: small text needs 4.5.
const contrastOf = (page, selector) => page.evaluate((chosen) => {
  const luminance = (rgb) => {
    const [r, g, b] = rgb.match(/[\d.]+/g).map(Number).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const text = getComputedStyle(document.querySelector(chosen)).color;
  const ground = getComputedStyle(document.body).backgroundColor;
  const [light, dark] = [luminance(text), luminance(ground)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}, selector);

// The rows of a table, by their first cells.
const tableOf = async (page, id) => Object.fromEntries(await page.$$eval(`#${id} tbody tr`, (rows) =>
  rows.map((row) => [row.cells[0].textContent, [...row.cells].slice(1).map((cell) => cell.textContent)])));
const numberOf = (text) => Number(text.replaceAll(',', ''));

// Points at the middle of a batch that is wide enough, and returns what the tip says.
async function tipOf(page) {
  const wide = await page.evaluate(() => {
    const frames = [...document.querySelectorAll('.batch rect.frame')].map((frame) => frame.getBoundingClientRect())
      .filter((box) => box.width >= 4 && box.right <= window.innerWidth && box.left >= 0);
    if (frames.length === 0) return null;
    return { x: frames[0].x + frames[0].width / 2, y: frames[0].y + frames[0].height / 2 };
  });
  if (!wide) return '';
  await page.evaluate(({ x, y }) => window.scrollTo(0, window.scrollY + y - 300), wide);
  const y = await page.evaluate(() => [...document.querySelectorAll('.batch rect.frame')]
    .map((frame) => frame.getBoundingClientRect()).filter((box) => box.width >= 4 && box.left >= 0).map((box) => box.y + box.height / 2)[0]);
  await page.mouse.move(wide.x, y);
  return page.$eval('#tip', (tip) => (tip.hidden ? '' : tip.innerText));
}

async function live(url, statusFile, wanted, folder) {
  // grpcurl leaves out zeros, and writes 64-bit numbers as text.
  const status = JSON.parse(readFileSync(statusFile, 'utf8'));
  await onScreens(SCREENS.filter(({ name }) => name === wanted), url, folder, async (page, screen) => {
    await page.waitForSelector('#customers tbody tr');
    await page.click('#pause'); // so that the page does not change
    const batches = await page.$$eval('.batch', (all) => all.length);
    expect(batches > 5 && batches <= 41, `${screen}: ${batches} batches are drawn`);
    const rows = await page.$$eval('.batch .row', (all) => all.map((row) => row.getAttribute('fill')));
    expect(new Set(rows).size > 1, `${screen}: the customers have one colour`);
    expect(/left because .*predicted/s.test(await tipOf(page)), `${screen}: the tip says: ${await tipOf(page)}`);

    const outcomes = await tableOf(page, 'outcomes');
    for (const outcome of ['offered', 'answered', 'rejected']) {
      const told = Number(status.outcomes[outcome] ?? 0);
      expect(numberOf(outcomes[outcome][0]) === told, `${screen}: ${outcome} is ${outcomes[outcome][0]}, GetStatus says ${told}`);
    }
    const customers = await tableOf(page, 'customers');
    expect(Object.keys(customers).length === status.customers.length,
      `${screen}: ${Object.keys(customers).length} customers, GetStatus has ${status.customers.length}`);
    for (const { customer, queuedRequests = '0' } of status.customers) {
      expect(customers[customer] && numberOf(customers[customer][0]) === Number(queuedRequests), `${screen}: ${customer} is not as in GetStatus`);
    }
    const strategy = await tableOf(page, 'strategy');
    for (const [parameter, value] of Object.entries(status.strategy.parameters)) {
      expect(strategy[parameter]?.[0] === value, `${screen}: ${parameter} is ${strategy[parameter]}, GetStatus says ${value}`);
    }
    const [backend] = status.backends;
    const shown = (await tableOf(page, 'backends'))[backend.address];
    expect(shown?.[0] === 'up' && shown[2].includes('L²'), `${screen}: the backend ${backend.address} is shown as ${shown}`);
    for (const selector of ['#about', '.note', 'th', 'td']) {
      const contrast = await contrastOf(page, selector);
      expect(contrast >= 4.5, `${screen}: the contrast of ${selector} is ${contrast.toFixed(2)}`);
    }
  });
}

// A customer's name must not be able to write into the page.
async function hostile(url) {
  const safe = await attacked(url);
  faults.push(...safe);
  // The control: a drawing that escapes nothing must be found.
  const careless = (script) => script.replace(/const escaped = .*/, 'const escaped = (text) => String(text);');
  expect((await attacked(url, careless)).length > 0, 'a drawing that escapes nothing is not found');
}

// What is wrong if every name is markup; `spoiled` changes the drawing code before.
async function attacked(url, spoiled) {
  const wrong = [];
  const holds = (so, fault) => { if (!so) wrong.push(fault); };
  const attack = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>"\'&';
  await withPage({}, async (page, troubles) => {
    await page.route('**/live.json', async (route) => {
      const answer = await (await route.fetch()).json();
      const named = (text) => `${attack}${text}`;
      answer.chart.customers = answer.chart.customers.map(named);
      answer.chart.backends = answer.chart.backends.map((backend) => ({ ...backend, name: named(backend.name) }));
      answer.chart.title = attack;
      answer.chart.batches.forEach((batch) => { batch.reason = attack; batch.strategy = attack; batch.status = attack; });
      answer.customers.forEach((customer) => { customer.customer = named(customer.customer); });
      answer.backends.forEach((backend) => { backend.address = named(backend.address); });
      answer.strategy = { name: attack, deciding: attack, parameters: { [attack]: attack }, generation: 1, advice: attack };
      answer.refusals = { [attack]: 3 };
      answer.version = attack;
      await route.fulfill({ json: answer });
    });
    if (spoiled) {
      await page.route('**/timeline.js', async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer, body: spoiled(await answer.text()) });
      });
    }
    await page.goto(url);
    await page.waitForSelector('#customers tbody tr');
    await tipOf(page);
    const elements = await page.$$eval('img, main script, #tip *:not(p)', (all) => all.map((each) => each.outerHTML));
    holds(elements.length === 0, `names became markup: ${elements.join(' ')}`);
    holds((await page.title()) === 'Smart Batching Proxy', `a name ran as a script: ${await page.title()}`);
    holds((await page.$eval('#customers', (table) => table.textContent)).includes(attack), 'the name is not shown as it is');
    holds((await page.$eval('svg', (svg) => svg.textContent)).includes('<img'), 'the name of the backend is not shown as it is');
    wrong.push(...troubles);
  });
  return wrong;
}

async function charts(file, folder) {
  const url = pathToFileURL(resolve(file)).href;
  const { charts: data } = JSON.parse(readFileSync(file, 'utf8').match(/<script id="data" type="application\/json">(.*?)<\/script>/s)[1]);
  await onScreens(SCREENS, url, folder, async (page, screen) => {
    const sections = await page.$$eval('section.chart', (all) => all.map((each) => each.querySelectorAll('.batch').length));
    const duration = Math.max(...data.map(({ duration_ms }) => duration_ms));
    const drawn = data.map(({ batches }) => batches.filter(({ start_ms, end_ms }) => start_ms < duration && (end_ms ?? Infinity) > 0).length);
    expect(JSON.stringify(sections) === JSON.stringify(drawn), `${screen}: ${sections} batches are drawn, the data have ${drawn}`);
    const counters = await page.$$eval('.counters', (all) => all.map((each) => each.textContent));
    data.forEach((chart, i) => {
      const answered = chart.requests.filter((r) => r.answered && r.end_ms <= chart.duration_ms);
      expect(counters[i].startsWith(`${answered.length} answered`), `${screen}: ${chart.title} says ${counters[i]}, ${answered.length} were answered`);
    });
    expect(/took|predicted/.test(await tipOf(page)), `${screen}: there is no tip`);
    expect((await page.$$('.row.same')).length > 0, `${screen}: the rows of a request are not outlined`);
    // It plays from the beginning to the end.
    await page.selectOption('#pace', '5');
    await page.click('#play');
    await page.waitForTimeout(1500);
    const clip = () => page.$eval('clipPath rect', (rect) => Number(rect.getAttribute('width')));
    const [early, whole] = [await clip(), await page.$eval('svg', (svg) => svg.width.baseVal.value)];
    expect(early > 0 && early < whole * 0.9, `${screen}: after 1.5 of 5 seconds ${early} of ${whole} pixels are shown`);
    const soFar = await page.$eval('.counters', (each) => Number(each.textContent.match(/^(\d+)/)[1]));
    expect(soFar < Number(counters[0].match(/^(\d+)/)[1]), `${screen}: the counters do not follow: ${soFar}`);
    await page.waitForTimeout(4500);
    expect((await clip()) >= whole, `${screen}: it does not play to the end`);
    expect((await page.$eval('#play', (button) => button.textContent)).includes('Play'), `${screen}: it does not stop at the end`);
  });
}

await { live, hostile, charts }[what](...given);
faults.forEach((fault) => console.error(fault));
if (faults.length > 0) process.exit(1);
console.log(`ok   ${what}: ${what === 'hostile' ? 'names stay text' : what === 'live' ? given[2] : 'light, dark and on a phone'}`);

// A page in Debian's chromium that remembers its errors.
import { existsSync } from 'node:fs';

import { chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';

// Calls `use` with a page. `troubles` collects every error of a script and of the console.
export async function withPage({ width = 1400, height = 900, scheme = 'light', scale = 1 }, use) {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium`);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme, deviceScaleFactor: scale });
    const troubles = [];
    page.on('pageerror', (error) => troubles.push(`script error: ${error.message}`));
    page.on('console', (message) => { if (message.type() === 'error') troubles.push(`console: ${message.text()}`); });
    return await use(page, troubles);
  } finally {
    await browser.close();
  }
}

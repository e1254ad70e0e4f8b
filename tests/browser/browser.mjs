// A real browser that watches every page: no other host, no violation of the content security policy, no error in the
// console, nothing that axe finds. A page that breaks one of these fails the test it is in.

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const BASE = new URL(fromEnvironment('BASE_URL', 'http://127.0.0.1:8080')).origin;
export const CLIENT_ID = fromEnvironment('CLIENT_ID', 'acme');
export const CLIENT_SECRET = fromEnvironment('CLIENT_SECRET', 'acmesecret');

function fromEnvironment(name, example) {
  const value = process.env[name];
  if (!value)
    throw new Error(`Set ${name}, for example ${name}=${example}, to say which server to test and how to sign in.`);
  return value;
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** Runs `story(page)` in a fresh profile, then fails on whatever the page did wrong meanwhile. */
export async function withPage(browser, options, story) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const wrong = [];
  await context.route(
    (url) => url.origin !== BASE && url.protocol.startsWith('http'),
    (route) => {
      wrong.push(`a request to another host: ${route.request().url()}`);
      return route.abort();
    },
  );
  await context.exposeFunction('reportViolation', (text) => wrong.push(`a violation of the policy: ${text}`));
  await context.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) =>
      window.reportViolation(`${event.effectiveDirective} ${event.blockedURI}`),
    ),
  );
  const page = await context.newPage();
  page.on('pageerror', (error) => wrong.push(`an uncaught error: ${error.stack}`));
  page.on('console', (message) => {
    // Chromium itself reports every answer of 400 and above, and every fetch without an answer. The stories have both.
    const isAnswer = /^Failed to load resource: (the server responded with a status of|net::ERR_)/.test(message.text());
    if (message.type() === 'error' && !isAnswer) wrong.push(`an error in the console: ${message.text()}`);
  });
  try {
    await story(page, context);
    assert.deepEqual(wrong, [], 'the page must do none of this');
  } catch (error) {
    if (process.env.SCREENSHOTS)
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/failed.png`, fullPage: true });
    if (wrong.length) error.message += `\nThe page also did: ${wrong.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
}

/** How people look at a page. */
export const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true },
};

/** Looks at a state: axe finds nothing, nothing is wider than the window, and a picture is kept if asked for. */
export async function look(page, state) {
  await checkAccessibility(page);
  await checkWidth(page, state);
  await keep(page, state);
}

/** Fails if the page has to be moved sideways. */
export async function checkWidth(page, state) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${state}: the page is ${overflow} pixels wider than the window`);
}

/** Keeps a picture of the page if asked for. */
export async function keep(page, state) {
  if (process.env.SCREENSHOTS)
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/${state.replaceAll(/[ /]/g, '-')}.png`, fullPage: true });
}

/** Fails on every finding of axe, naming the element and the mend. */
export async function checkAccessibility(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const findings = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
  assert.deepEqual(findings, []);
}

/** A client-credentials token, asked for outside the browser. */
export async function accessToken() {
  const response = await fetch(`${BASE}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  assert.equal(response.status, 200, 'CLIENT_ID and CLIENT_SECRET must be right for the server at BASE_URL');
  return (await response.json()).access_token;
}

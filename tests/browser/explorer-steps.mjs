// The steps of the explorer's stories.

import test, { after, before } from 'node:test';
import { BASE, CLIENT_ID, CLIENT_SECRET, launch, withPage } from './browser.mjs';

export { look } from './browser.mjs';

export const EXPLORER = `${BASE}/v1/explorer/index.html`;
export const SEED_LINK = `${EXPLORER}#hkey0=Content-Type&hval0=application/json&uri=/v1/applications/me`;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

export const story = (name, options, steps) => test(name, () => withPage(browser, options, steps));
let count = 0;
/** A user name that no other run has used. */
export const newName = () => `explorer-${process.pid}-${Date.now()}-${(count += 1)}`;

export async function signIn(page) {
  await page.getByRole('button', { name: 'Sign in and repeat' }).click();
  await page.getByLabel('Client ID').fill(CLIENT_ID);
  await page.getByLabel('Client secret').fill(CLIENT_SECRET);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
}

export const outcome = (page, status, request = '') =>
  page.getByRole('heading', { level: 2, name: new RegExp(`^${status}.* ${request}`) }).waitFor();
export const follow = (page, relation) =>
  page
    .getByRole('row', { name: new RegExp(`^${relation}\\b`) })
    .first()
    .getByRole('link')
    .last()
    .click();
export const press = (page, name) => page.getByRole('button', { name, exact: true }).first().click();

/** A resource that no server has: what `answer({ method, body })` returns for it. */
export const pretend = (page, answer) =>
  page.route(`${BASE}/v1/pretended`, async (route) => {
    const request = route.request();
    const { status = 200, headers = {}, value } = answer({ method: request.method(), body: request.postData() });
    await route.fulfill({
      status,
      headers,
      contentType: 'application/prs.hal-forms+json',
      body: JSON.stringify(value),
    });
  });

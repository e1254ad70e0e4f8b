// Link relations: each has a page, and the explorer shows it beside the link.

import assert from 'node:assert/strict';
import { BASE, LOOKS, accessToken, checkWidth } from './browser.mjs';
import { EXPLORER, look, outcome, press, story } from './explorer-steps.mjs';

const PAGES = '/docs/rels/';
const ground = (place) => place.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);

for (const [look_, options] of Object.entries(LOOKS)) {
  story(`the pages about relations can be read by everybody (${look_})`, options, async (page) => {
    for (const name of ['', 'self', 'channels', 'find:users']) {
      await page.goto(BASE + PAGES + name);
      await page.getByRole('heading', { level: 1, name: name || 'Link relations', exact: true }).waitFor();
      await look(page, `${look_} relation ${name || 'list'}`);
    }
  });
}

story('each relation is on the list, and its page leads to operations', { viewport: LOOKS.phone.viewport }, async (page) => {
  await page.goto(BASE + PAGES);
  const relations = await page.getByRole('main').getByRole('link').allInnerTexts();
  assert.ok(relations.includes('self') && relations.includes('find:users'), `these are few: ${relations}`);
  for (const relation of relations) {
    await page.goto(BASE + PAGES);
    await page.getByRole('link', { name: relation, exact: true }).click();
    await page.getByRole('heading', { level: 1, name: relation, exact: true }).waitFor();
    await checkWidth(page, relation);
  }
  await page.goto(`${BASE}${PAGES}find:users`);
  await page.getByRole('link', { name: 'List users' }).click();
  // Swagger UI opens the operation that the address names.
  await page.locator('#operations-Users-listUsers.is-open').waitFor();
});

story('the explorer shows what a relation means without leaving the answer', {}, async (page) => {
  const token = await accessToken();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/applications/me`);
  await outcome(page, 200, 'GET /v1/applications/me');
  const { href: at } = await page.evaluate(() => ({ href: location.href }));
  // One is documented by a curie, the other by the server's list.
  for (const relation of ['find:users', 'users']) {
    await page.getByRole('rowheader').getByRole('link', { name: relation, exact: true }).click();
    const frame = page.frameLocator('dialog iframe');
    await frame.getByRole('heading', { level: 1, name: relation, exact: true }).waitFor();
    await look(page, `relation in the explorer ${relation}`);
    await press(page, 'Close');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  assert.equal(page.url(), at);

  await press(page, 'Dark theme');
  await page.getByRole('rowheader').getByRole('link', { name: 'users', exact: true }).click();
  const frame = page.frameLocator('dialog iframe');
  await frame.locator(':root[data-theme="dark"]').waitFor();
  assert.equal(await ground(frame), await ground(page), 'the page in the frame follows the button');
  // Keys that are pressed in the frame go to its page.
  await frame.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

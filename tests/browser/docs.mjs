// The documentation page, in a real browser against a running server: it shows every operation, signs in with client
// credentials and sends a request, all without another host.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BASE, CLIENT_ID, CLIENT_SECRET, LOOKS, checkWidth, keep, launch, withPage } from './browser.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function authorize(page, secret) {
  await page.locator('.auth-wrapper .authorize').first().click();
  await page.locator('input[id^="client_id"]').fill(CLIENT_ID);
  await page.locator('input[id^="client_secret"]').fill(secret);
  await page.locator('.auth-btn-wrapper button.authorize').click();
}

test('the documentation signs in and sends a request', () =>
  withPage(browser, {}, async (page) => {
    const document = await (await fetch(`${BASE}/openapi.json`)).json();
    const methods = ['get', 'put', 'post', 'delete', 'head', 'patch'];
    const operations = Object.values(document.paths).flatMap((item) => methods.filter((method) => item[method]));

    await page.goto(`${BASE}/docs`);
    await page.locator('.opblock').first().waitFor();
    assert.equal(await page.locator('.opblock').count(), operations.length);

    await authorize(page, CLIENT_SECRET);
    await page.locator('.auth-btn-wrapper button', { hasText: 'Logout' }).waitFor();
    await page.locator('.auth-btn-wrapper .btn-done').click();

    const root = page.locator('#operations-Root-retrieveApiRoot');
    await root.locator('.opblock-summary').click();
    await root.locator('.try-out__btn').click();
    await root.locator('.execute').click();
    const status = root.locator('.live-responses-table .response-col_status').last();
    await status.waitFor();
    assert.match(await status.innerText(), /^200/);
  }));

test('a wrong secret is answered with a sentence, and with no dialog of the browser', () =>
  withPage(browser, {}, async (page) => {
    await page.goto(`${BASE}/docs`);
    const answered = page.waitForResponse(`${BASE}/oauth/token`);
    await authorize(page, `not ${CLIENT_SECRET}`);
    await page.locator('.auth-container .errors').getByText('no application has these credentials').waitFor();
    const answer = await answered;
    assert.equal(answer.status(), 401);
    // A browser that nobody watches raises no dialog; this header is what makes the others do so.
    assert.equal(await answer.headerValue('www-authenticate'), null);
    await keep(page, 'docs wrong secret');
  }));

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the documentation fits the window (${look})`, () =>
    withPage(browser, options, async (page) => {
      await page.goto(`${BASE}/docs`);
      await page.locator('.opblock').first().waitFor();
      await checkWidth(page, 'docs');
      await keep(page, `${look} docs`);
    }));
}

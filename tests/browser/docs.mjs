// The documentation page, in a real browser against a running server: it shows every operation, signs in with client
// credentials and sends a request, all without another host.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BASE, CLIENT_ID, CLIENT_SECRET, launch, withPage } from './browser.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test('the documentation signs in and sends a request', () =>
  withPage(browser, {}, async (page) => {
    const document = await (await fetch(`${BASE}/openapi.json`)).json();
    const methods = ['get', 'put', 'post', 'delete', 'head', 'patch'];
    const operations = Object.values(document.paths).flatMap((item) => methods.filter((method) => item[method]));

    await page.goto(`${BASE}/docs`);
    await page.locator('.opblock').first().waitFor();
    assert.equal(await page.locator('.opblock').count(), operations.length);

    await page.locator('.auth-wrapper .authorize').first().click();
    await page.locator('input[id^="client_id"]').fill(CLIENT_ID);
    await page.locator('input[id^="client_secret"]').fill(CLIENT_SECRET);
    await page.locator('.auth-btn-wrapper button.authorize').click();
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

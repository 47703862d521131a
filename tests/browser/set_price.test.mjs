// The form that sets a price. It comes after the tests that see a service without prices.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axeSource, day, open, OPEN, SHOTS, withReader } from "./browser.mjs";

const state = `from=${day(20)}&to=${day(10)}&zone=Asia/Kathmandu`;

test("a price is set with a form, and what is wrong with it stands at its field", () =>
  withReader({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } }, OPEN, async (page, { faults }) => {
    await open(page, `/costs?${state}`);
    const form = page.locator("#set-price");
    await form.locator("[name=source]").selectOption("konpro-demo");
    await form.locator("[name=unit_price]").fill("cheap");
    await form.locator("[name=currency]").fill("USD");
    await form.getByRole("button", { name: "Set price" }).click();
    await page.waitForURL(/\/costs\/rate-cards\?/);
    const price = form.getByRole("textbox", { name: "Price" });
    assert.equal(await price.inputValue(), "cheap");
    assert.match(await form.locator(`#${await price.getAttribute("aria-describedby")}`).textContent(), /must be a number/);
    assert.match(faults.splice(0).join(), /^$|422/); // the browser itself notes the status
    await page.screenshot({ path: `${SHOTS}/price-refused-360.png`, fullPage: true });
    await price.fill("0.5");
    await form.getByRole("button", { name: "Set price" }).click();
    await page.waitForURL(/\/costs\?.*#rate-cards$/);
    assert.match(await page.locator("#rate-cards").textContent(), /konpro-demo.*0\.5 USD per minute/s);
    assert.ok(Number(await page.locator("#card-estimated_cost data").getAttribute("value")) > 0);
    await page.screenshot({ path: `${SHOTS}/price-set-360.png`, fullPage: true });
  }));

test("a form that is older than the prices changes nothing, and a price ends with the same form", () =>
  withReader({ javaScriptEnabled: false }, OPEN, async (page, { context, faults }) => {
    await open(page, `/costs?${state}`);
    const other = await context.newPage();
    await open(other, `/costs?${state}`);
    const set = async (page, price) => {
      await page.locator("#set-price [name=source]").selectOption("realtimekit-demo");
      await page.locator("#set-price [name=unit_price]").fill(price);
      await page.locator("#set-price [name=currency]").fill("USD");
      await page.getByRole("button", { name: "Set price" }).click();
    };
    await set(other, "0.002");
    await other.waitForURL(/#rate-cards$/);
    await set(page, "0.003");
    assert.match(await page.getByRole("alert").textContent(), /Nothing was saved: the prices have changed/);
    assert.match(await page.locator("#rate-cards").textContent(), /0\.002 USD per minute/);
    assert.equal(await page.locator("[name=unit_price]").inputValue(), "0.003");
    assert.match(faults.splice(0).join(), /^$|412/); // the browser itself notes the status
    await page.screenshot({ path: `${SHOTS}/price-outdated.png`, fullPage: true });
    await page.getByRole("button", { name: "Set price" }).click();
    await page.waitForURL(/#rate-cards$/);
    assert.match(await page.locator("#rate-cards").textContent(), /0\.003 USD per minute/);
    // neither price nor currency is needed to end it
    await page.locator("#set-price [name=source]").selectOption("realtimekit-demo");
    await page.locator("#set-price [name=valid_from]").fill(day(12));
    await page.getByRole("button", { name: "End price" }).click();
    await page.waitForURL(/#rate-cards$/);
    const row = page.locator("#rate-cards tbody tr", { hasText: "realtimekit-demo" });
    assert.match(await row.textContent(), new RegExp(`0\\.003 USD per minute.*always.*${day(12)}`, "s"));
  }));

test("the refresh of each minute keeps what is entered", () =>
  withReader({}, OPEN, async (page) => {
    await page.clock.install();
    await open(page, "/costs");
    await page.locator("#set-price [name=unit_price]").fill("0.7");
    await page.locator("#what-if [name=if_price]").fill("0.8");
    await page.evaluate(() => document.activeElement.blur());
    const refreshed = page.waitForResponse(`${OPEN}/costs`);
    await page.clock.fastForward(61_000);
    await refreshed;
    await page.locator("main:not([aria-busy])").waitFor();
    assert.equal(await page.locator("#set-price [name=unit_price]").inputValue(), "0.7");
    assert.equal(await page.locator("#what-if [name=if_price]").inputValue(), "0.8");
  }));

test("the form of a refused price has no violation", () =>
  withReader({}, OPEN, async (page, { faults }) => {
    await open(page, `/costs?${state}`);
    await page.locator("#set-price [name=unit_price]").fill("cheap");
    await page.locator("#set-price [name=currency]").fill("EUR");
    await page.getByRole("button", { name: "Set price" }).click();
    await page.locator("#fault-unit_price").waitFor();
    faults.splice(0);
    await page.evaluate(axeSource);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"], preload: false }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), [], colorScheme);
    }
  }));

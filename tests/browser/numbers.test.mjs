// What the page says, compared with the API's answers to the same questions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { api, atRest, day, isRounded, numbers, open, OPEN, SECTIONS, values, withReader } from "./browser.mjs";

const ranges = [`from=${day(20)}&to=${day(10)}&zone=Asia/Kathmandu`, "range=last_28_days&zone=America/Los_Angeles"];
for (const range of ranges) {
  test(`each card has the digits of the API: ${range}`, () =>
    withReader({}, OPEN, async (page) => {
      await open(page, `/?${range}`);
      const ids = await page.locator(".card").evaluateAll((cards) => cards.map((card) => card.id.replace("card-", "")));
      assert.equal(ids.length, 6);
      await atRest(() => values(page, `/v1/metrics/query?metrics=${ids}&${range}`), async (answer) => {
        await open(page, `/?${range}`);
        const cards = await page.locator(".card").evaluateAll((cards) =>
          cards.map((card) => [card.id.replace("card-", ""), card.querySelector("data")?.value ?? null, card.querySelector(".value").textContent]));
        return () => {
          const totals = answer.slice(answer.indexOf('"totals":'));
          assert.ok(cards.some(([, exact]) => exact !== null && exact !== "0"), "some card has a value");
          for (const [id, exact, text] of cards) {
            const [, value] = totals.match(new RegExp(`"${id}":\\{[^{}]*?"value":([^,}]+)`)) ?? [];
            assert.equal(String(exact), value, `${id} in ${totals}`);
            if (exact !== null) assert.ok(isRounded(text, exact), `${id}: ${text} is ${exact}`);
          }
        };
      });
    }));
}

test("no table has a number that the API's answer lacks", () =>
  withReader({}, OPEN, async (page) => {
    const state = `from=${day(20)}&to=${day(10)}&zone=Europe/Berlin`;
    let compared = 0;
    for (const path of Object.values(SECTIONS)) {
      await open(page, `${path}?${state}`);
      const panels = await page.locator('.panel a[href^="/v1/metrics/query"]:text-is("JSON")').evaluateAll((links) =>
        links.map((link) => [link.closest(".panel").id, link.getAttribute("href")]));
      const answers = async () => JSON.stringify(await Promise.all(panels.map(([, address]) => values(page, address))));
      await atRest(answers, async (answered) => {
        await page.reload();
        const known = JSON.parse(answered).map((answer) => numbers(JSON.parse(answer)));
        const shown = await Promise.all(panels.map(([id]) => page.locator(`#${id} td.n`).allTextContents()));
        return () => panels.forEach(([id], at) => {
          for (const cell of shown[at].filter((cell) => /\d/.test(cell))) {
            const isKnown = known[at].some((number) => isRounded(cell, number)) || /^0(\D|$)/.test(cell);
            assert.ok(isKnown, `${path}#${id}: ${cell}`);
            compared += 1;
          }
        });
      });
    }
    console.log(`${compared} numbers of tables compared`);
    assert.ok(compared > 50);
  }));

test("the list has the sessions of the API in its order, and each row leads to its session", () =>
  withReader({}, OPEN, async (page) => {
    await open(page, `/sessions?from=${day(20)}&to=${day(10)}`);
    const address = await page.locator('#list a:text-is("JSON")').getAttribute("href");
    const { items } = JSON.parse(await api(page, address));
    const links = await page.locator("#list tbody th a, #list tbody td:first-child a").evaluateAll((all) =>
      all.map((link) => link.getAttribute("href").match(/^\/sessions\/(\d+)/)[1]));
    assert.deepEqual(links, items.map(({ session_id }) => String(session_id)));
    const next = page.getByRole("link", { name: "Next page" });
    await next.click();
    assert.ok(!(await page.locator("#list tbody a").first().getAttribute("href")).includes(`/${links[0]}`));
    await page.goBack();
    await page.locator("#list tbody a").first().click();
    assert.match(page.url(), new RegExp(`/sessions/${links[0]}`));
    assert.match(await page.locator("main").textContent(), new RegExp(items[0].provider_session_id));
  }));

test("the health of each stream is the API's", () =>
  withReader({}, OPEN, async (page) => {
    const states = async () => {
      const { items } = JSON.parse(await api(page, "/v1/health/pollers"));
      return items.map(({ source, stream, state }) => `${source} ${stream} ${state}`).join("\n");
    };
    await atRest(states, async (answer) => {
      await open(page, "/data-health");
      const rows = await page.locator("#streams tbody tr").evaluateAll((rows) => rows.map((row) => row.textContent));
      return () => answer.split("\n").forEach((line) => {
        const [source, stream, state] = line.split(" ");
        const row = rows.find((row) => row.includes(`${source} · ${stream}`));
        assert.ok(row?.includes(state.replaceAll("_", " ")), `${line}: ${row}`);
      });
    });
  }));

test("the explanation of each card has its digits, its rows and its SQL", () =>
  withReader({ permissions: ["clipboard-read", "clipboard-write"] }, OPEN, async (page) => {
    const state = `from=${day(20)}&to=${day(10)}&zone=Asia/Kathmandu`;
    const card = (id) => page.locator(`#card-${id} data`).getAttribute("value");
    for (const id of ["minutes_consumed", "resolution_rate"]) {
      const overview = async () => {
        await open(page, `/?${state}`);
        return card(id);
      };
      await atRest(overview, async (exact) => {
        await page.locator(`#card-${id} h2 a`).click();
        await page.waitForURL(/\/explain\?/);
        const explained = await page.locator("#explanation data").getAttribute("value");
        const rows = await page.locator("#explanation a", { hasText: /^Rows$/ }).getAttribute("href");
        await api(page, rows);
        await page.getByRole("button", { name: "Copy SQL" }).click();
        await page.getByRole("button", { name: "Copied" }).waitFor();
        const sql = await page.evaluate(() => navigator.clipboard.readText());
        return () => {
          assert.equal(explained, exact);
          assert.match(sql, /select[\s\S]*from analytics\./i);
        };
      });
    }
  }));

test("a price is tried with a form, and its request gives the same answer", () =>
  withReader({ javaScriptEnabled: false }, OPEN, async (page) => {
    await open(page, `/costs?from=${day(20)}&to=${day(10)}&zone=UTC`);
    await page.locator("[name=if_source]").selectOption("konpro-demo");
    await page.locator("[name=if_price]").fill("0.25");
    await page.locator("[name=if_currency]").fill("EUR");
    await page.getByRole("button", { name: "Estimate" }).click();
    await page.waitForURL(/if_price=0\.25/);
    const body = await page.locator("#what-if-body").textContent();
    const answer = await page.request.post("/v1/costs/estimate", { data: JSON.parse(body) });
    assert.equal(answer.status(), 200, await answer.text());
    const known = numbers(await answer.json());
    const shown = (await page.locator("#what-if td.n, #what-if .value").allTextContents()).filter((text) => /\d/.test(text));
    assert.ok(shown.length > 0, "the estimate has a number");
    for (const text of shown) assert.ok(known.some((number) => isRounded(text, number)), `${text} of ${known}`);
  }));

// What a small screen, a finger, paper and the minutes do to the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { KEYS, open, OPEN, READER_KEY, withReader } from "./browser.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true };

test("on a phone nothing leaves its panel, and the navigation has room", () =>
  withReader(PHONE, KEYS, async (page) => {
    const over = (selector) => page.locator(selector).first().evaluate((box) => box.scrollWidth - box.clientWidth);
    await page.goto("/sign-in");
    assert.equal(await over("section.panel"), 0);
    await page.getByLabel("Key").fill(READER_KEY);
    await page.getByRole("button", { name: "Sign in" }).click();
    const navigation = await page.locator("nav").boundingBox();
    assert.ok(navigation.width >= 150, `${navigation.width} pixels`);
    assert.ok(await page.getByRole("button", { name: "Sign out" }).isVisible());
    await open(page, "/explain");
    assert.equal(await over("form.form"), 0);
  }));

test("on a phone a list shows what tells its sessions apart, and a figure where it comes from", () =>
  withReader(PHONE, OPEN, async (page) => {
    await open(page, "/sessions?range=last_28_days");
    const names = await page.locator("#list .scroll").evaluate((box) => {
      const right = box.getBoundingClientRect().right + 1;
      return [...box.querySelectorAll("thead th")].filter((name) => name.getBoundingClientRect().right <= right).map((name) => name.textContent);
    });
    assert.deepEqual(names.slice(0, 4), ["Began", "About", "State", "Length"]);
    await page.locator("#list tbody a").first().click();
    await page.waitForURL(/\/sessions\/\d+/);
    assert.equal(await page.locator("#figures .scroll").evaluate((box) => box.scrollWidth - box.clientWidth), 0);
    const [value, origin] = await page.locator("#figures tbody tr").first().locator("td").evaluateAll((cells) =>
      cells.map((cell) => cell.getBoundingClientRect().toJSON()));
    assert.ok(origin.top >= value.bottom - 1 && origin.width > 150, "the origin has a line of its own");
  }));

test("a tap reads a chart", () =>
  withReader(PHONE, OPEN, async (page) => {
    await open(page, "/?range=last_28_days");
    await page.locator("#minutes .hit").nth(5).tap();
    const read = await page.locator("#minutes .hit").nth(5).locator("title").textContent();
    assert.equal(await page.locator("#read-out").textContent(), read);
  }));

test("the refresh of each minute leaves a table where it is scrolled to", () =>
  withReader(PHONE, OPEN, async (page) => {
    await page.clock.install();
    await open(page, "/data-health");
    await page.locator("#streams").evaluate((panel) => {
      panel.dataset.old = "true";
      panel.querySelector(".scroll").scrollLeft = 90;
    });
    await page.clock.fastForward(61_000);
    await page.locator("#streams:not([data-old])").waitFor();
    assert.equal(await page.locator("#streams .scroll").evaluate((box) => box.scrollLeft), 90);
  }));

test("a zone by another name is not offered", () =>
  withReader({ timezoneId: "Asia/Kathmandu" }, OPEN, async (page) => {
    const own = page.locator("button[data-zone]");
    for (const [zone, isOffered] of [["Asia/Kathmandu", false], ["Asia/Katmandu", false], ["UTC", true]]) {
      await open(page, `/?zone=${zone}`);
      assert.equal(await own.isVisible(), isOffered, zone);
    }
  }));

test("dates that are typed beside a named period are shown", () =>
  withReader({ javaScriptEnabled: false }, OPEN, async (page) => {
    await open(page, "/?range=last_7_days&zone=UTC");
    await page.locator("[name=from]").fill("2026-01-05");
    await page.locator("[name=to]").fill("2026-01-06");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.waitForURL(/from=2026-01-05/);
    assert.equal(await page.locator("[name=from]").inputValue(), "2026-01-05");
    assert.equal(await page.locator("[name=range]").inputValue(), "");
  }));

test("paper is light, and its tables are whole", () =>
  withReader({ colorScheme: "dark" }, OPEN, async (page) => {
    await open(page, "/sessions");
    await page.emulateMedia({ media: "print" });
    const paper = await page.locator("body").evaluate((body) => getComputedStyle(body).backgroundColor);
    assert.ok(Number(paper.match(/\d+/)[0]) > 200, paper);
    assert.equal(await page.locator("#list .scroll").evaluate((box) => getComputedStyle(box).overflow), "visible");
    assert.equal(await page.locator("form.form").isVisible(), false);
  }));

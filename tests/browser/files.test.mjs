// Panels as files: each link of each panel leads to its values or its marks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { day, open, OPEN, SECTIONS, SHOTS, withReader } from "./browser.mjs";

const state = `from=${day(20)}&to=${day(10)}&zone=Asia/Kathmandu`;

test("each panel has its values as CSV, and each with marks has these as SVG", () =>
  withReader({ javaScriptEnabled: false }, OPEN, async (page) => {
    await open(page, `/sessions?${state}&session_kind=meeting`);
    const session = await page.locator("#list tbody a").first().getAttribute("href");
    const whatIf = "if_source=konpro-demo&if_unit=minute&if_price=0.5&if_currency=USD";
    const addresses = Object.values(SECTIONS).map((path) => `${path}?${state}${path === "/costs" ? `&${whatIf}` : ""}`);
    const counts = { csv: 0, svg: 0 };
    for (const address of [...addresses, session]) {
      await open(page, address);
      const panels = await page.locator(".panel[data-state=figure]").evaluateAll((panels) => panels.map((panel) => {
        const link = (text) => [...panel.querySelectorAll("a[download]")].find((link) => link.textContent === text)?.href;
        return { id: panel.id, hasMarks: panel.querySelector(".plot,.strip") !== null, csv: link("CSV"), svg: link("SVG") };
      }));
      assert.ok(address.startsWith("/sessions?") || panels.length > 0, address);
      for (const { id, hasMarks, csv, svg } of panels) {
        const file = await page.request.get(csv);
        assert.equal(file.status(), 200, `${address} ${id}: ${csv}`);
        assert.match(file.headers()["content-type"], /^text\/csv/);
        assert.ok((await file.text()).split("\r\n").length > 2, `${id} has rows`);
        assert.equal(svg !== undefined, hasMarks, `${address} ${id}: SVG`);
        counts.csv += 1;
        if (!hasMarks) continue;
        const drawn = await open(page, svg);
        assert.match(drawn.headers()["content-type"], /^image\/svg\+xml/);
        assert.ok((await page.locator("svg rect").count()) > 1, `${id} has marks`);
        assert.equal(await page.locator("parsererror").count(), 0, id);
        if (["avatars", "streams", "people", "week"].includes(id)) await page.screenshot({ path: `${SHOTS}/file-${id}.png` });
        counts.svg += 1;
      }
    }
    console.log(`${counts.csv} CSV and ${counts.svg} SVG files`);
    assert.ok(counts.csv > 30 && counts.svg >= 18, JSON.stringify(counts));
    assert.equal((await page.request.get("/favicon.ico")).status(), 200);
  }));

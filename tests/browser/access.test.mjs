// The page for readers with a keyboard, a screen reader, a small screen, dark or forced colours, or a printer.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { axeSource, open, OPEN, reader, SECTIONS, SHOTS, withReader } from "./browser.mjs";

const WIDTHS = [360, 768, 1440];
const SCHEMES = ["light", "dark"];
/** All rules in light; in dark those about colours, since nothing else depends on the scheme. */
const EVERY_RULE = { rules: { "target-size": { enabled: true } } };
const COLOUR_RULES = { runOnly: ["cat.color"] };
/** Smallest side of a target, CSS pixels. */
const TARGET = 24;

/** Returns the addresses to look at: the sections, a session, the explanation of a card. */
const addresses = async () => {
  const { page, close } = await reader();
  const first = (selector) => page.locator(selector).first().getAttribute("href");
  await open(page, "/");
  const explain = await first(".card h2 a");
  await open(page, "/sessions");
  const session = await first('main table a[href^="/sessions/"]');
  await open(page, "/explain?metric=resolution_rate");
  const rows = await first("#parts a");
  await open(page, "/data-health");
  const runs = await first('.streams a[href^="/data-health/runs"]');
  await close();
  return { ...SECTIONS, "Explain a metric": explain, "One session": session, "Rows of a part": rows, "Runs of a stream": runs };
};

const named = (title) => title.toLowerCase().replaceAll(" ", "-");

for (const [title, address] of Object.entries(await addresses())) {
  test(`${title}: no violation, and nothing to scroll sideways, at three widths and in both schemes`, () =>
    withReader({ reducedMotion: "reduce" }, OPEN, async (page) => {
      await open(page, address);
      await page.evaluate(axeSource);
      const faults = new Map(); // each with the views that have it
      const note = (fault, view) => faults.set(fault, [...(faults.get(fault) ?? []), view]);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        for (const colorScheme of SCHEMES) {
          await page.emulateMedia({ colorScheme });
          await page.screenshot({ path: `${SHOTS}/${named(title)}-${width}-${colorScheme}.png`, fullPage: true });
          const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
          if (wide > width) note(`the page is ${wide} px wide`, width);
          const found = await page.evaluate((rules) => {
            document.querySelectorAll("details").forEach((details) => { details.open = true; });
            return window.axe.run(document, { ...rules, resultTypes: ["violations"], preload: false });
          }, colorScheme === "light" ? EVERY_RULE : COLOUR_RULES);
          await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = false; }));
          for (const { id, nodes } of found.violations) {
            for (const { html, any } of nodes.slice(0, 4)) note(`${id}: ${html.slice(0, 160)} ${any[0]?.message ?? ""}`, `${width} ${colorScheme}`);
          }
        }
      }
      writeFileSync(`${SHOTS}/${named(title)}.aria.yaml`, await page.locator("body").ariaSnapshot());
      assert.deepEqual([...faults].map(([fault, views]) => `${fault} (${views.join(", ")})`), []);
    }));

  test(`${title}: the keyboard reaches everything, in order and visibly`, () =>
    withReader({ viewport: { width: 360, height: 740 } }, OPEN, async (page) => {
      await open(page, address);
      const all = await page.evaluate(() => {
        const wanted = 'a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex="0"]';
        const isStop = (one) => one.checkVisibility() && one.tabIndex === 0; // the others are reached by arrow keys
        const visible = [...document.querySelectorAll(wanted)].filter(isStop);
        visible.forEach((one, place) => { one.dataset.place = place; });
        return visible.length;
      });
      const seen = [];
      for (let press = 0; press <= all + 40; press += 1) {
        await page.keyboard.press("Tab");
        const focus = await page.evaluate(() => {
          const one = document.activeElement;
          if (!one || one === document.body) return null;
          const box = one.getBoundingClientRect(), style = getComputedStyle(one);
          const around = one.parentElement;
          const words = around ? [...around.childNodes].filter((node) => node.nodeType === 3 && node.data.trim().length > 2) : [];
          return {
            place: Number(one.dataset.place), html: one.outerHTML.slice(0, 120), width: box.width, height: box.height,
            isInText: one.matches("a") && style.display === "inline" && words.length > 0,
            isInView: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
            outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
          };
        });
        if (focus === null) break;
        if (seen.length > 0 && focus.place === seen[0].place) break;
        if (seen.at(-1)?.place !== focus.place) seen.push(focus); // a date has several fields
      }
      const faults = seen.flatMap((focus, at) => [
        ...(at > 0 && !(focus.place > seen[at - 1].place) ? [`out of order: ${focus.html}`] : []),
        ...(focus.outline ? [] : [`the focus is not visible: ${focus.html}`]),
        ...(focus.isInView ? [] : [`outside the view: ${focus.html}`]),
        ...(focus.isInText || (focus.width >= TARGET - 0.5 && focus.height >= TARGET - 0.5) ? []
          : [`${focus.width.toFixed()} × ${focus.height.toFixed()} px: ${focus.html}`]),
      ]);
      assert.deepEqual(faults, []);
      assert.equal(seen.length, all, "all that can be used is reached");
    }));
}

test("arrow keys reach each link of a table and of a panel, which is one stop", () =>
  withReader({ viewport: { width: 360, height: 740 } }, OPEN, async (page) => {
    for (const address of Object.values(await addresses())) {
      await open(page, address);
      const groups = await page.evaluate(() => {
        const all = [...document.querySelectorAll('main [tabindex="-1"]')].filter((one) => one.matches("a[href],button"));
        const groups = [...new Set(all.map((one) => one.closest("p.links,tbody,.hits,.cards")))];
        groups.forEach((group, place) => { if (group) group.dataset.group = place; });
        return groups.length;
      });
      for (let place = 0; place < groups; place += 1) {
        const group = page.locator(`[data-group="${place}"]`);
        await group.locator('a[href][tabindex="0"],button[tabindex="0"]').focus(); // one alone is the stop
        await page.keyboard.press("Home");
        const here = () => group.evaluate((one) => {
          const all = [...one.querySelectorAll("a[href],button:not([hidden])")];
          const stops = all.filter((member) => member.tabIndex === 0);
          return [all.length, all.indexOf(document.activeElement), stops.length, stops[0] === document.activeElement];
        });
        const [all] = await here();
        for (let at = 0; at < all; at += 1) {
          assert.deepEqual(await here(), [all, at, 1, true], `${address}: ${await group.textContent()}`);
          await page.keyboard.press("ArrowDown");
        }
      }
    }
    await open(page, "/");
    const stops = await page.evaluate(() => [...document.querySelectorAll("a[href],button,input:not([type=hidden]),select,summary,[tabindex]")]
      .filter((one) => one.checkVisibility() && one.tabIndex === 0).length);
    console.log(`stops of the overview: ${stops}`);
    assert.ok(stops <= 45, `${stops} stops`);
  }));

test("the first key leads past the navigation", () =>
  withReader({}, OPEN, async (page) => {
    await open(page, "/");
    await page.keyboard.press("Tab");
    const skip = page.getByRole("link", { name: "Skip to content" });
    assert.ok(await skip.evaluate((link) => link === document.activeElement && link.getBoundingClientRect().left >= 0));
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  }));

test("a screen reader finds landmarks, headings in order, and a sentence for each chart", () =>
  withReader({}, OPEN, async (page) => {
    for (const path of Object.values(SECTIONS)) {
      await open(page, path);
      for (const role of ["banner", "navigation", "main", "contentinfo"]) {
        assert.equal(await page.getByRole(role).count(), 1, `${path}: ${role}`);
      }
      const levels = await page.locator("h1,h2,h3,h4").evaluateAll((all) => all.map((heading) => Number(heading.tagName[1])));
      levels.forEach((level, at) => assert.ok(level <= (levels[at - 1] ?? 0) + 1, `${path}: headings ${levels}`));
      const charts = await page.locator("figure:has(svg.plot)").evaluateAll((figures) =>
        figures.map((figure) => figure.querySelector("figcaption")?.textContent ?? ""));
      for (const caption of charts) assert.match(caption, /\. (Most on|Highest|.*: highest|\d+ of \d+ )/, `${path}: ${caption}`);
    }
  }));

test("forced colours and print show the same values", () =>
  withReader({}, OPEN, async (page) => {
    await open(page, "/");
    const values = await page.locator(".value").allTextContents();
    await page.emulateMedia({ forcedColors: "active" });
    await page.screenshot({ path: `${SHOTS}/overview-forced-colours.png`, fullPage: true });
    await page.emulateMedia({ forcedColors: "none", media: "print" });
    assert.equal(await page.locator("nav").isVisible(), false);
    assert.deepEqual(await page.locator(".value:visible").allTextContents(), values);
    await page.screenshot({ path: `${SHOTS}/overview-print.png`, fullPage: true });
  }));

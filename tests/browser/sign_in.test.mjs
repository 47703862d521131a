// Keys: signing in and out, what a key without a scope sees; and a source that is paused until its data is stale.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEALTH_KEY, KEYS, open, OPEN, READER_KEY, SHOTS, withReader } from "./browser.mjs";

const signIn = async (page, key) => {
  await page.getByLabel("Key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
};

// first, since it takes three intervals of the schedule until the data is stale
test("an operator pauses a stream with a form, where no key is needed", () =>
  withReader({ javaScriptEnabled: false }, OPEN, async (page) => {
    await open(page, "/data-health");
    await page.locator("#konvo-demo-sessions").getByRole("button", { name: "Pause" }).click();
    await page.locator("#konvo-demo-sessions").getByRole("button", { name: "Resume" }).waitFor();
    assert.match(await page.locator("#konvo-demo-sessions").textContent(), /paused/);
  }));

for (const javaScriptEnabled of [true, false]) {
  test(`a key is pasted once; then a cookie stands for it, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () =>
    withReader({ javaScriptEnabled }, KEYS, async (page, { context, faults }) => {
      await page.goto("/conversations?range=last_28_days");
      assert.match(page.url(), /\/sign-in\?next=/);
      await page.screenshot({ path: `${SHOTS}/sign-in.png`, fullPage: true });
      await signIn(page, `${READER_KEY.slice(0, -2)}xx`);
      const alert = page.getByRole("alert");
      assert.match(await alert.textContent(), /key/i);
      assert.ok(!(await page.content()).includes(READER_KEY.slice(10)), "the page does not repeat a key");
      assert.match(faults.splice(0).join(), /^$|401/); // the browser itself notes the status
      await signIn(page, READER_KEY);
      await page.waitForURL(/\/conversations\?range=last_28_days$/);
      assert.ok((await page.locator(".panel").count()) > 0);
      const [cookie] = await context.cookies();
      assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.value.includes("trib_")], [true, "Strict", false]);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.waitForURL(/\/sign-in/);
      assert.deepEqual(await context.cookies(), []);
      await page.goBack();
      await page.waitForURL(/\/sign-in|\/conversations/);
      assert.equal(await page.locator(".panel[data-state]").count(), 0, "nothing is shown after signing out");
      const answer = await page.request.get("/v1/metrics/query?metrics=sessions", { headers: { cookie: `${cookie.name}=${cookie.value}` } });
      assert.equal(answer.status(), 401, "the session has ended at the service, too");
    }));
}

test("a form of another site does not sign a reader out", () =>
  withReader({}, KEYS, async (page, { context, faults }) => {
    await page.goto("/");
    await signIn(page, READER_KEY);
    await page.locator(".card").first().waitFor();
    const other = await context.newPage();
    await other.goto(`data:text/html,<form method=post action="${KEYS}/sign-out"><button>Win</button></form>`);
    await other.locator("button").click();
    await other.waitForURL(/sign-out/);
    await page.reload();
    assert.ok(await page.locator(".card").first().isVisible());
    faults.splice(0);
  }));

test("a panel that a key may not see names the scope, and costs its neighbours nothing", () =>
  withReader({}, KEYS, async (page) => {
    await page.goto("/");
    await signIn(page, HEALTH_KEY);
    const refused = await page.locator("#refused").textContent();
    assert.match(refused, /needs the scope\s+metrics:read/);
    assert.equal((await page.locator("main").textContent()).match(/needs the scope/g).length, 1);
    await page.screenshot({ path: `${SHOTS}/forbidden.png`, fullPage: true });
    await open(page, "/data-health");
    assert.ok((await page.locator("#streams tbody tr").count()) >= 3);
    assert.doesNotMatch(await page.locator("#streams").textContent(), /needs the scope/);
    await open(page, "/sessions");
    assert.match(await page.locator("main").textContent(), /needs the scope\s+sessions:read/);
  }));

test("a paused source is named, and its data becomes stale", { timeout: 120_000 }, () =>
  withReader({}, OPEN, async (page) => {
    await open(page, "/data-health");
    assert.match(await page.locator("main").textContent(), /paused/i);
    for (;;) {
      const { state } = await (await page.request.get("/v1/freshness")).json();
      if (state === "stale") break;
      await page.waitForTimeout(1000);
    }
    await open(page, "/");
    const chip = page.locator("#completeness.stale");
    assert.match(await chip.textContent(), /Stale\..*konvo-demo.*paused/s);
    assert.match(await page.locator("#resolution .chip.stale").textContent(), /Data complete to/);
    assert.equal(await page.locator("#minutes .chip.stale").count(), 0, "other sources are not late");
    await page.screenshot({ path: `${SHOTS}/stale.png`, fullPage: true });
  }));

// What the tests of the page share: one Chromium, contexts that note every fault, and comparison of shown numbers with
// the API's. Nothing here knows a section's content.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";

const load = createRequire(`${process.env.TOOLS}/`);
const { chromium } = load("playwright-core");

export const { OPEN, KEYS, SHOTS, READER_KEY, HEALTH_KEY } = process.env;
export const axeSource = load("axe-core").source;
mkdirSync(SHOTS, { recursive: true });

/** The sections in the order of the navigation. */
export const SECTIONS = {
  "Overview": "/",
  "Conversations": "/conversations",
  "Meetings and quality": "/meetings",
  "Costs": "/costs",
  "Sessions": "/sessions",
  "Data health": "/data-health",
  "Explain": "/explain",
};

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
after(() => browser.close());

/** Opens a reader's browser. `faults` collects errors of the console and requests that leave the service. */
export async function reader(options = {}, origin = OPEN) {
  const context = await browser.newContext({ baseURL: origin, viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`${page.url()} loads ${request.url()}`);
  });
  return { context, page, faults, close: () => context.close() };
}

/** Runs a test with a reader, and fails if the browser noted a fault. */
export async function withReader(options, origin, act) {
  const opened = await reader(options, origin);
  try {
    await act(opened.page, opened);
    assert.deepEqual(opened.faults, []);
  } finally {
    await opened.close();
  }
}

/** Opens an address that must answer 200. */
export async function open(page, address) {
  const response = await page.goto(address);
  assert.equal(response.status(), 200, address);
  return response;
}

/** Returns a day, `back` days ago, as the pickers write it. */
export const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);

/** Returns the JSON of an API address, as text: numbers keep their digits. */
export async function api(page, address) {
  const answer = await page.request.get(address);
  assert.equal(answer.status(), 200, address);
  return answer.text();
}

/** Returns rows and totals of a metric query, as text, without how fresh they are. */
export async function values(page, address) {
  const answer = await api(page, address);
  return `${answer.slice(0, answer.indexOf(',"coverage":'))}}`;
}

/** Repeats a comparison until the data stands still over it: the demo goes on meanwhile. */
export async function atRest(read, compare) {
  for (let attempt = 1; ; attempt += 1) {
    const before = await read();
    const seen = await compare(before);
    if ((await read()) === before) return seen();
    assert.ok(attempt < 6, "the data does not stand still");
  }
}

/** Returns what a shown number says: `{value, within}`; `null` for words. */
export function shownNumber(text) {
  const plain = text.trim().replaceAll("−", "-").replaceAll(/(\d)[\s\u202f\u00a0](?=\d{3}(?!\d))/g, "$1");
  const parts = [...plain.matchAll(/(-?\d+(?:\.\d+)?)[\s\u202f\u00a0]*(%|[a-zA-Z]*)/g)];
  if (parts.length === 0 || !/^[-+]?\d/.test(plain)) return null;
  const seconds = { d: 86_400, h: 3_600, min: 60, s: 1 };
  const [[, first, unit]] = parts;
  const half = (digits) => 0.5 * 10 ** -(digits.split(".")[1] ?? "").length;
  if (parts.length > 1 && parts.every(([, , part]) => part in seconds)) {
    const value = parts.reduce((sum, [, digits, part]) => sum + digits * seconds[part], 0);
    return { value, within: seconds[parts.at(-1)[2]] };
  }
  if (parts.length > 1) return null;
  if (unit === "%") return { value: first / 100, within: half(first) / 100 };
  return { value: Number(first), within: half(first) };
}

/** Returns whether a shown number is this one, rounded. */
export function isRounded(text, exact) {
  const shown = shownNumber(text);
  return shown !== null && Math.abs(shown.value - Number(exact)) <= shown.within * 1.000001;
}

/** Returns all numbers of a JSON value. */
export function numbers(json) {
  if (typeof json === "number") return [json];
  if (json === null || typeof json !== "object") return [];
  return Object.values(json).flatMap(numbers);
}

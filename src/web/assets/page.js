// What a page gains with JavaScript: values at the pointer or cursor, copying, the reader's zone, a refresh a minute.
const readOut = () => document.getElementById("read-out");
let shown = null;

/** Shows the values of one place of a chart. */
function read(hit) {
  if (shown) shown.classList.remove("at");
  shown = hit;
  const out = readOut();
  if (out) out.textContent = hit ? hit.querySelector("title").textContent : "";
  if (hit) hit.classList.add("at");
}

const hits = (plot) => [...plot.querySelectorAll(".hit")];

// a tap moves no pointer
for (const type of ["pointermove", "pointerdown"]) addEventListener(type, (event) => {
  const hit = event.target.closest && event.target.closest(".hit");
  if (hit && hit !== shown) read(hit);
  else if (!hit && shown && !shown.closest(".plot").matches(":focus")) read(null);
});

addEventListener("keydown", (event) => {
  const plot = event.target.closest && event.target.closest(".plot");
  if (!plot) return;
  const all = hits(plot), at = all.indexOf(shown);
  const row = plot.classList.contains("heat") ? 24 : 1;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row };
  let next = at;
  if (event.key in steps) next = at < 0 ? 0 : at + steps[event.key];
  else if (event.key === "Home") next = 0;
  else if (event.key === "End") next = all.length - 1;
  else if (event.key === "Escape") return read(null);
  else return;
  event.preventDefault();
  if (all[next]) read(all[next]);
});

addEventListener("focusout", (event) => {
  if (event.target.closest && event.target.closest(".plot")) read(null);
});

// The links of a table or of a panel are one stop of the Tab key. Arrow keys lead from one to the next.
const GROUPS = "p.links,tbody,.hits,.cards";
const members = (group) => [...group.querySelectorAll("a[href],button:not([hidden])")];

/** Makes one member of a group its stop. */
function stop(group, at) {
  for (const member of members(group)) member.tabIndex = member === at ? 0 : -1;
}

addEventListener("focusin", (event) => {
  const group = event.target.closest && event.target.closest(GROUPS);
  if (!group || !members(group).includes(event.target)) return;
  stop(group, event.target);
  const count = members(group).length;
  if (count > 1 && !group.contains(event.relatedTarget)) readOut().textContent = `Arrow keys: ${count} links`;
});

addEventListener("focusout", (event) => {
  if (event.target.closest && event.target.closest(GROUPS)) readOut().textContent = "";
});

addEventListener("keydown", (event) => {
  const group = event.target.closest && event.target.closest(GROUPS);
  if (!group || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = members(group), at = all.indexOf(event.target);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -at, End: all.length - 1 - at };
  const next = at >= 0 && event.key in steps && all[at + steps[event.key]];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

// a box that shows all of its table needs no stop
const boxes = new ResizeObserver((changed) => {
  for (const { target } of changed) {
    const hides = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight;
    if (hides) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

/** Returns what a button copies. */
async function text(button) {
  const address = new URL(button.dataset.path || location.href, location.href);
  if (button.dataset.copy === "curl") {
    return `curl -sS -H "Authorization: Bearer $TRIBUTARY_KEY" '${address.href.replaceAll("'", "%27")}'`;
  }
  if (button.dataset.copy === "text") return document.getElementById(button.dataset.of).textContent;
  return address.href;
}

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Returns the browser's own name of a zone that has several. */
function canonical(name) {
  try {
    return Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return name;
  }
}

addEventListener("click", async (event) => {
  const own = event.target.closest && event.target.closest("button[data-zone]");
  if (own) {
    own.form.elements.zone.value = zone;
    own.form.requestSubmit();
  }
  const button = event.target.closest && event.target.closest("button[data-copy]");
  if (!button) return;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(await text(button));
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
});

/** Prepares what is of use only with JavaScript. */
function prepare() {
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
  const own = document.querySelector("button[data-zone]");
  if (own && zone && canonical(own.form.elements.zone.value) !== canonical(zone)) {
    own.textContent = `Use ${zone}`;
    own.hidden = false;
  }
  for (const plot of document.querySelectorAll(".plot:has(.hit)")) plot.tabIndex = 0;
  for (const box of document.querySelectorAll(".scroll")) boxes.observe(box);
  for (const group of document.querySelectorAll(GROUPS)) {
    const all = members(group);
    if (!all.some((member) => member.hasAttribute("tabindex"))) stop(group, all[0]);
  }
}

/** Says whether the page waits for an answer. */
function wait(is) {
  const main = document.getElementById("main");
  if (is) main.setAttribute("aria-busy", "true");
  else main.removeAttribute("aria-busy");
}

addEventListener("submit", () => wait(true));
addEventListener("pageshow", () => wait(false)); // back from another page

let tag = null;

/** Fetches the page again and replaces the parts that changed, except for forms with fields, unless the reader is in the middle of something. */
async function refresh() {
  const main = document.getElementById("main");
  const busy = main.contains(document.activeElement) && document.activeElement !== main;
  if (document.hidden || busy || main.querySelector("details[open]") || String(getSelection())) return;
  wait(true);
  try {
    const answer = await fetch(location.href, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
    if (answer.status !== 200 || answer.redirected) return;
    tag = answer.headers.get("etag");
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("#completeness,.cards,.panel[id]:not(:has(label))")) {
      const fresh = part.id ? next.getElementById(part.id) : next.querySelector(".cards");
      if (fresh && fresh.outerHTML !== part.dataset.was) {
        const was = fresh.outerHTML;
        const places = [...part.querySelectorAll(".scroll")].map((old) => [old.scrollLeft, old.scrollTop]);
        part.replaceWith(document.adoptNode(fresh));
        fresh.querySelectorAll(".scroll").forEach((box, at) => box.scrollTo(...(places[at] ?? [0, 0])));
        fresh.dataset.was = was;
      }
    }
    read(null);
    prepare();
  } catch { /* the next minute tries again */ } finally {
    wait(false);
  }
}

// on a phone the navigation scrolls, and begins with the first section
const current = document.querySelector("nav [aria-current]");
if (current) current.closest("ul").scrollLeft = current.offsetLeft - 96;

prepare();
setInterval(refresh, 60000);

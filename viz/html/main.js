// What is open, selected, found and coloured, and what follows when that changes.

import { byId } from "./dom.js";
import { plural } from "./wording.js";
import { around, isGroup, model, openAtFirst, openBelow, seen } from "./model.js";
import { engine } from "./engine.js";
import { layOut } from "./layout.js";
import { camera } from "./camera.js";
import { drawing } from "./draw.js";
import { entries, greatest, shade, showLegend, swatch } from "./heat.js";
import { panel, tip } from "./panel.js";
import { searchField } from "./search.js";
import { listenToKeys, neighbour } from "./keyboard.js";
import { asFile, download } from "./save.js";

const page = model(JSON.parse(byId("network").textContent));
const canvas = byId("canvas");
const state = { open: openAtFirst(page), selected: null, hovered: null, found: new Set(), heat: "", layout: null, seen: null, most: 0 };
const ask = engine();

let silence;
function say(text) {
  byId("status").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => byId("status").replaceChildren(), 5000);
}

const draw = drawing(canvas.querySelector("svg"), decorate);
const sight = camera(canvas, (view) => draw.look(view, { width: canvas.clientWidth, height: canvas.clientHeight }));
const tell = panel(byId("panel"), page, { go: reveal, toggle });
const hint = tip(byId("tip"), canvas);

/** Lays out what is open and shows it. A newer call makes an older one void. */
let calls = 0;
async function arrange() {
  const call = ++calls;
  canvas.setAttribute("aria-busy", "true");
  hint(null);
  const shown = seen(page, state.open);
  let layout;
  try {
    layout = await layOut(ask, shown, { ...page, heat: state.heat });
  } catch (error) {
    say(`this cannot be laid out: ${error.message}`);
    return false;
  }
  if (call !== calls) return false;
  Object.assign(state, { layout, seen: shown, most: greatest(shown.boxes, state.heat) });
  draw.show(layout, { heat: state.heat, loose: shown.loose });
  look();
  showLegend(byId("legend"), shown, page, state.heat);
  canvas.removeAttribute("aria-busy");
  return true;
}

/** Arranges anew while one item stays where it is on the screen. */
async function arrangeAround(item) {
  const before = place(item);
  if (!(await arrange())) return;
  const after = place(item);
  if (!before || !after) return;
  const { view } = sight;
  const middle = ({ x, width }) => x + width / 2;
  sight.move(view.x + (middle(before) - middle(after)) * view.k, view.y + (before.y - after.y) * view.k);
}

function place(item) {
  return item && (state.layout?.boxes.get(item) ?? state.layout?.frames.get(item));
}

function fit(readable = false) {
  if (state.layout) sight.fit(state.layout, page.direction, readable);
}

/** Shows the marks of what is selected, pointed at or found. */
function look() {
  draw.redecorate();
  draw.point(new Set([state.selected, state.hovered].filter(Boolean)));
  const { view } = sight;
  draw.look(view, { width: canvas.clientWidth, height: canvas.clientHeight });
  if (state.selected) canvas.setAttribute("aria-activedescendant", state.selected.id);
  else canvas.removeAttribute("aria-activedescendant");
}

function decorate(item, element) {
  const found = state.found.size > 0 && (state.found.has(item) || (!state.open.has(item) && holdsFound(item)));
  element.classList.toggle("found", found);
  element.classList.toggle("selected", item === state.selected);
  element.setAttribute("aria-selected", String(item === state.selected));
  const colours = state.heat && !state.open.has(item) ? shade(item[state.heat], state.most) : null;
  for (const [name, value] of Object.entries({ fill: colours?.fill, text: colours?.text, quiet: colours?.text })) {
    if (value) element.style.setProperty(`--${name}`, value);
    else element.style.removeProperty(`--${name}`);
  }
}

function holdsFound(group) {
  return group.children.some((item) => state.found.has(item) || holdsFound(item));
}

function select(item) {
  state.selected = item;
  tell(item, item && state.open.has(item));
  look();
  const address = item?.path ? `#${encodeURI(item.path)}` : location.pathname + location.search;
  try {
    history.replaceState(null, "", address);
  } catch {
    // A frame in a notebook has no address to change.
  }
}

/** Selects an item, opens the groups around it, and brings it into sight. */
async function reveal(item) {
  const closed = around(item).filter((group) => !state.open.has(group));
  for (const group of closed) state.open.add(group);
  if (closed.length) await arrange();
  select(item);
  if (place(item)) sight.reveal(place(item), Math.max(sight.view.k, 0.8));
}

async function toggle(item) {
  if (!isGroup(item)) return;
  if (!state.open.delete(item)) state.open.add(item);
  const hidden = state.selected && around(state.selected).includes(item) && !state.open.has(item);
  await arrangeAround(item);
  select(hidden ? item : (state.selected ?? item));
}

async function openAll() {
  const { open, all } = openBelow(state.selected && isGroup(state.selected) ? state.selected : page.root, state.open);
  state.open = open;
  await arrangeAround(state.selected);
  if (!state.selected) fit(true);
  say(all ? `${plural(state.seen.boxes.length, "item")} shown` : "too many to open all: the outer blocks are open");
}

async function closeAll() {
  state.open = new Set();
  const outermost = state.selected && (around(state.selected)[0] ?? state.selected);
  await arrange();
  select(outermost);
  fit(true);
}

function save() {
  const { selected } = state;
  state.selected = null; // what a reader points at is no part of the network
  look();
  draw.look(null);
  const shown = entries(state.seen, page, state.heat).map((entry) => ({ ...entry, swatch: swatch(byId("legend"), entry) }));
  const text = asFile(draw.world, state.layout, { title: page.title, entries: shown, heat: state.heat, most: state.most });
  state.selected = selected;
  look();
  download(`${page.title.split(" ")[0]}.svg`, text);
  say("saved");
}

function step(key) {
  const next = state.layout && neighbour(state.selected, key, state.layout, page.direction);
  if (!next) return;
  select(next);
  sight.reveal(place(next));
}

function outwards() {
  if (state.selected?.parent?.parent) select(state.selected.parent);
  else select(null);
  if (place(state.selected)) sight.reveal(place(state.selected));
}

const system = matchMedia("(prefers-color-scheme: dark)");
function paint(theme = byId("theme").value) {
  document.documentElement.dataset.theme = theme || (system.matches ? "dark" : "light");
  if (state.seen) look();
}

function itemOf(target) {
  const element = target.closest?.("[data-index]");
  return element ? page.items[element.dataset.index] : null;
}

function listen() {
  const search = searchField(page, {
    go: reveal,
    leave: () => canvas.focus(),
    say,
    mark: (found) => {
      state.found = found;
      look();
    },
  });
  canvas.addEventListener("click", ({ target }) => {
    if (canvas.classList.contains("dragged")) return;
    const item = itemOf(target);
    if (target.closest("[data-toggle]")) toggle(item);
    else select(item);
  });
  canvas.addEventListener("dblclick", ({ target }) => {
    if (!target.closest("[data-toggle]") && itemOf(target)) toggle(itemOf(target));
  });
  canvas.addEventListener("pointermove", (event) => {
    const item = event.buttons ? null : itemOf(event.target);
    hint(item && !state.open.has(item) ? item : null, event);
    if (item !== state.hovered) {
      state.hovered = item;
      draw.point(new Set([state.selected, item].filter(Boolean)));
    }
  });
  canvas.addEventListener("pointerleave", () => hint(null));
  const arrows = Object.fromEntries(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].map((key) => [key, step]));
  listenToKeys({
    ...arrows,
    Enter: () => state.selected && toggle(state.selected),
    Escape: () => (state.found.size ? search.clear() : outwards()),
    "/": search.focus,
    "+": () => sight.zoom(1.25),
    "=": () => sight.zoom(1.25),
    "-": () => sight.zoom(0.8),
    0: () => fit(),
    E: openAll,
    C: closeAll,
    s: save,
    S: save,
  });
  const buttons = { "open-all": openAll, "close-all": closeAll, save, "zoom-fit": () => fit() };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("zoom-in").addEventListener("click", () => sight.zoom(1.25));
  byId("zoom-out").addEventListener("click", () => sight.zoom(0.8));
  byId("heat").addEventListener("change", (event) => {
    state.heat = event.target.value;
    arrangeAround(state.selected ?? state.seen.boxes[0]);
  });
  byId("theme").addEventListener("change", () => paint());
  system.addEventListener("change", () => paint());
  addEventListener("beforeprint", () => paint("print"));
  addEventListener("afterprint", () => paint());
  addEventListener("hashchange", openAddress);
}

/** Goes to the layer that the address names, as in `file.html#layer1.0.conv2`. */
async function openAddress() {
  const path = decodeURIComponent(location.hash.slice(1));
  const item = page.byPath.get(path);
  if (item) await reveal(item);
  else if (path) say(`there is no ${path} in this network`);
}

paint();
listen();
tell(null);
await arrange();
fit(true);
await openAddress();
performance.mark("ready"); // from the start of loading, for benchmarks
document.documentElement.dataset.ready = "true";

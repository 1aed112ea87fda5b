// What is selected, found and coloured, which view is shown, and what the reader does with it.

import { byId, html } from "./dom.js";
import { isGroup, model } from "./model.js";
import { addressOf, readAddress } from "./address.js";
import { camera } from "./camera.js";
import { panel, tip } from "./panel.js";
import { searchField } from "./search.js";
import { listenToKeys } from "./keyboard.js";
import { historySteps } from "./steps.js";
import { download } from "./save.js";
import { graphView } from "./graph.js";
import { pictureView } from "./picture.js";

const page = model(JSON.parse(byId("network").textContent));
const canvas = byId("canvas");
const SIDES = { overlaid: [undefined], "side-by-side": ["a", "b"] }; // what is drawn of two networks: both as one, or each
const state = { selected: null, hovered: null, found: new Set(), heat: page.figures.find(({ key }) => key === page.heat) ?? null, sides: SIDES.overlaid };
const NAMES = ["graph", "stages", "volumes"].filter((name) => name === "graph" || byId(name));
const HOME = NAMES.includes(page.view) ? page.view : "graph"; // the view of an address that names none

let silence;
function say(text) {
  byId("status").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => byId("status").replaceChildren(), 5000);
}

let view = null; // the one on show, and what it is called
let name = "";
const sight = camera(canvas, () => view?.look());
const { act, quietly } = historySteps({
  address: () => addressOf({ view: name, item: state.selected, ...viewOf("graph").opened() }, HOME, page),
  camera: sight.view,
  restore: openAddress,
});
const kept = new Map(); // where the camera was in each view
const views = new Map();
const context = { canvas, legend: byId("legend"), folder: byId("fold"), state, sight, select, say, go: (item) => act(() => showIn("graph", item)) };
const tell = panel(byId("panel"), page, {
  go: (item) => act(() => reveal(item)),
  toggle: (item) => act(() => view.toggle(item)),
  fold: (item) => act(() => view.fold(item)),
  graph: (item) => act(() => showIn("graph", item)),
});
const hint = tip(byId("tip"), canvas, page);

function viewOf(wanted) {
  if (!views.has(wanted)) {
    const made = wanted === "graph"
      ? graphView(page, context)
      : pictureView(page, wanted, JSON.parse(byId(wanted).textContent), context);
    views.set(wanted, made);
  }
  return views.get(wanted);
}

/** Shows another view, where it was left or as a whole. */
async function show(wanted) {
  if (wanted === name) return;
  if (view) kept.set(name, { ...sight.view });
  hint(null);
  [view, name] = [viewOf(wanted), wanted];
  canvas.querySelector("svg").replaceChildren(view.world);
  canvas.setAttribute("aria-label", view.label);
  byId("refused").textContent = view.refused ? `There is no picture of this network's ${name}: ${view.refused}.` : "";
  for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === name));
  for (const id of ["open-all", "close-all", "fold"]) byId(id).disabled = name !== "graph";
  byId("save").disabled = byId("heat").disabled = !!view.refused;
  const position = kept.get(name);
  await view.show();
  select(state.selected); // before the fit: the panel takes room
  if (position) sight.move(position.x, position.y, position.k);
  else view.fit(true);
}

/** Shows an item in another view. */
async function showIn(wanted, item) {
  await show(wanted);
  await reveal(item);
}

function select(item) {
  state.selected = item;
  tell(item, view, name);
  mark();
}

function mark() {
  view.mark();
  const active = state.selected && view.active();
  if (active) canvas.setAttribute("aria-activedescendant", active);
  else canvas.removeAttribute("aria-activedescendant");
}

/** Selects an item and brings it into sight: in the graph, where this view does not show it. */
async function reveal(item) {
  if (!view.has(item)) await show("graph");
  await view.reveal(item);
}

function step(key) {
  const next = view.step(key);
  if (!next) return;
  select(next);
  if (view.place(next)) sight.reveal(view.place(next));
}

function outwards() {
  select(view.outwards());
  if (view.place(state.selected)) sight.reveal(view.place(state.selected));
}

/** Goes to the next difference, or the one before. */
async function go(by) {
  const found = view.differences();
  if (!found.length) return say("there is no difference");
  const at = found.indexOf(state.selected);
  const next = found.at(at < 0 ? (by > 0 ? 0 : -1) : (at + by) % found.length);
  await reveal(next);
  say(`${found.indexOf(next) + 1} of ${found.length}: ${next.path || next.title}, ${next.status}`);
}

/** Shows two networks in another arrangement. */
function arrange(name) {
  byId("arrangement").value = name;
  state.sides = SIDES[name];
  return view?.turn();
}

function save() {
  if (view.refused) return;
  const { selected, found } = state;
  Object.assign(state, { selected: null, found: new Set() }); // what a reader points at is no part of the network
  mark();
  const text = view.file();
  Object.assign(state, { selected, found });
  mark();
  view.look();
  const named = page.difference ? page.difference.names.join("-") : page.title.split(" ")[0];
  const file = named.replace(/[^\w.-]+/g, "-"); // no system has a name for a file with these
  download(`${file}${name === "graph" ? "" : `-${name}`}.svg`, text);
  say("saved");
}

const system = matchMedia("(prefers-color-scheme: dark)");
function paint(theme = byId("theme").value) {
  document.documentElement.dataset.theme = theme || (system.matches ? "dark" : "light");
  view?.mark();
}

function offer() {
  if (page.difference) {
    byId("differences").hidden = byId("arrangement").hidden = false;
    byId("heat").options[0].text = "Colour: status";
    arrange(page.difference.arrangement);
  }
  byId("heat").append(...page.figures.map(({ key, name }) => html("option", { value: key }, name)));
  byId("heat").value = state.heat?.key ?? "";
  byId("fold").hidden = !page.items.some((item) => item.run);
  byId("views").hidden = NAMES.length < 2;
  for (const button of [...byId("views").children]) {
    if (NAMES.includes(button.dataset.view)) button.addEventListener("click", () => act(() => show(button.dataset.view)));
    else button.remove();
  }
}

function listen() {
  const search = searchField(page, {
    go: (item) => act(() => reveal(item)),
    leave: () => canvas.focus(),
    say,
    mark: (found) => {
      state.found = found;
      mark();
    },
  });
  canvas.addEventListener("click", ({ target }) => {
    if (canvas.classList.contains("dragged")) return;
    const item = view.itemAt(target);
    if (target.closest("[data-toggle]")) act(() => view.toggle(item));
    else if (target.closest("[data-fold]")) act(() => view.fold(item));
    else act(() => select(item));
  });
  canvas.addEventListener("dblclick", ({ target }) => {
    const item = view.itemAt(target);
    if (item && !target.closest("[data-toggle], [data-fold]")) act(() => view.doubled(item));
  });
  canvas.addEventListener("pointermove", (event) => {
    const item = event.buttons ? null : view.itemAt(event.target);
    hint(view.told(item), event);
    if (item !== state.hovered) {
      state.hovered = item;
      view.point();
    }
  });
  canvas.addEventListener("pointerleave", () => hint(null));
  const arrows = Object.fromEntries(["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].map((key) => [key, () => act(() => step(key), true)]));
  const fold = () => act(() => view.fold?.(state.selected));
  const [next, previous] = [() => act(() => go(1), true), () => act(() => go(-1), true)];
  const other = () => arrange(state.sides === SIDES.overlaid ? "side-by-side" : "overlaid");
  const ofTwo = page.difference ? { n: next, N: next, p: previous, P: previous, a: other, A: other } : {};
  const [openAll, closeAll] = [() => act(() => view.openAll?.()), () => act(() => view.closeAll?.())];
  listenToKeys({
    ...arrows,
    ...Object.fromEntries(NAMES.map((wanted, i) => [i + 1, () => act(() => show(wanted))])),
    Enter: () => act(() => view.enter()),
    Escape: () => (state.found.size ? search.clear() : act(outwards)),
    "/": search.focus,
    "+": () => sight.zoom(1.25),
    "=": () => sight.zoom(1.25),
    "-": () => sight.zoom(0.8),
    0: () => view.fit(),
    E: openAll,
    C: closeAll,
    f: fold,
    F: fold,
    s: save,
    S: save,
    ...ofTwo,
  });
  const buttons = {
    "open-all": openAll, "close-all": closeAll, fold: () => act(() => view.fold(null)), save, "zoom-fit": () => view.fit(), next, previous,
    "zoom-in": () => sight.zoom(1.25), "zoom-out": () => sight.zoom(0.8),
  };
  for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
  byId("heat").addEventListener("change", (event) => {
    state.heat = page.figures.find(({ key }) => key === event.target.value) ?? null;
    event.target.title = state.heat?.name ?? "Colour"; // which may be longer than there is room for
    view.colour();
  });
  byId("arrangement").addEventListener("change", (event) => arrange(event.target.value));
  byId("theme").addEventListener("change", () => paint());
  system.addEventListener("change", () => paint());
  addEventListener("beforeprint", () => paint("print"));
  addEventListener("afterprint", () => paint());
}

/** Goes where the address says, as in `file.html#stages:layer1.0.conv2`; to a camera, where it has been before. */
async function openAddress(camera) {
  const wrong = page.faults?.find((fault) => fault.item !== undefined); // where a broken spec opens
  const wanted = readAddress(location.hash, HOME, page);
  const item = (wanted.path || view ? wanted.item : page.items[wrong?.item]) ?? null;
  const other = NAMES.includes(wanted.view) ? wanted.view : HOME;
  if (viewOf("graph").reopen(wanted) && other === "graph") [view, name] = [null, ""]; // shown anew
  await show(other);
  if (item && !camera) await reveal(item);
  else select(item);
  if (camera) sight.move(camera.x, camera.y, camera.k);
  if (wanted.path && !item) say(`there is no ${wanted.path} in this network`);
}

/** What the reader has made of this page, for a newer page of the same network to begin with. */
function left() {
  if (view) kept.set(name, { ...sight.view });
  return {
    view: name, places: [...kept], ...viewOf("graph").paths(), selected: state.selected?.path ?? null,
    heat: state.heat?.key ?? "", theme: byId("theme").value,
  };
}

/** Begins where another page was left. What is no longer there is left out. */
async function resume(before) {
  byId("theme").value = before.theme;
  paint();
  state.heat = page.figures.find(({ key }) => key === before.heat) ?? null;
  byId("heat").value = state.heat?.key ?? "";
  const items = (paths) => new Set(paths.map((path) => page.byPath.get(path)).filter((item) => item && isGroup(item)));
  viewOf("graph").reopen({ open: items(before.open), unfolded: items(before.unfolded) });
  for (const [one, place] of before.places) kept.set(one, place);
  [view, name] = [null, ""]; // shown anew, where it was
  await show(NAMES.includes(before.view) ? before.view : HOME);
  select(page.byPath.get(before.selected) ?? null);
}

paint();
offer();
listen();
await quietly(() => openAddress());
window.archdsl = { left, resume: (before) => quietly(() => resume(before)) }; // for `archdsl serve`, which shows one page after the other
// In the frame in which the camera has taken its place; the mark is for benchmarks.
requestAnimationFrame(() => {
  performance.mark("ready");
  document.documentElement.dataset.ready = "true";
});

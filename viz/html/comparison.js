// The page of a comparison: which of its drawings is shown, how large, and what is told of a box.

import { byId, html } from "./dom.js";
import { READABLE, camera } from "./camera.js";

const KEYS = [
  ["N, P", "next, previous difference"],
  ["A", "overlaid or side by side"],
  ["Esc", "back to the costs"],
  ["+ − 0", "zoom in, out, fit"],
  ["drag, wheel", "move"],
  ["Ctrl + wheel", "zoom"],
];
const UNREMARKABLE = new Set(["same", "follows"]);

const told = JSON.parse(byId("difference").textContent);
const canvas = byId("canvas");
const pictures = [...byId("world").querySelectorAll(":scope > g")];
const state = { picture: null, selected: null };

const sight = camera(canvas, place);

function place({ x, y, k }) {
  byId("world").setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
}

/** The box of an id in the drawing on show: in the second network, where both have it. */
function boxOf(id) {
  return [...state.picture.querySelectorAll(".part")].filter((box) => box.dataset.box === id).at(-1);
}

function known(id) {
  return told.boxes[state.picture.dataset.detail][id];
}

/** The ids of all differences on show, in the order of the layers. */
function differences() {
  const boxes = [...state.picture.querySelectorAll(".part")].map((box) => box.dataset.box);
  const order = (id) => Number(id.slice(1));
  return [...new Set(boxes)].filter((id) => !UNREMARKABLE.has(known(id).status)).sort((a, b) => order(a) - order(b));
}

function show() {
  const [arrangement, detail] = [byId("arrangement").value, byId("detail").value];
  state.picture = pictures.find(({ dataset }) => dataset.arrangement === arrangement && dataset.detail === detail);
  for (const picture of pictures) picture.toggleAttribute("hidden", picture !== state.picture);
  select(state.selected && boxOf(state.selected) ? state.selected : null);
  fit(READABLE);
  if (state.selected) reveal();
}

function fit(least = 0) {
  const { width, height } = state.picture.dataset;
  sight.fit({ width: Number(width), height: Number(height) }, told.direction, least);
}

function select(id) {
  state.selected = id;
  for (const box of state.picture.querySelectorAll(".part")) box.classList.toggle("selected", box.dataset.box === id);
  byId("panel").replaceChildren(...(id ? described(known(id)) : overview()));
  byId("panel").scrollTop = 0;
}

/** Brings the selected box into sight. */
function reveal() {
  const { view } = sight;
  place(view); // at once, for the box to be measured where it will be
  const [room, box] = [canvas.getBoundingClientRect(), boxOf(state.selected).getBoundingClientRect()];
  sight.reveal({
    x: (box.left - room.left - view.x) / view.k,
    y: (box.top - room.top - view.y) / view.k,
    width: box.width / view.k,
    height: box.height / view.k,
  }, view.k);
}

function step(by) {
  const found = differences();
  if (!found.length) return say("there is no difference");
  const at = found.indexOf(state.selected);
  const next = (at < 0 ? (by > 0 ? 0 : -1) : at + by + found.length) % found.length;
  select(found.at(next));
  reveal();
  say(`${found.indexOf(state.selected) + 1} of ${found.length}: ${known(state.selected).title}, ${known(state.selected).status}`);
}

let silence;
function say(text) {
  byId("status").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => byId("status").replaceChildren(), 5000);
}

function overview() {
  return [
    html("h2", {}, told.title),
    ...told.notes.map((note) => html("p", {}, note)),
    table(["", ...told.names, "change"], told.costs.map((row) => ({ cells: row, differs: row[3] !== "" }))),
    html("h3", {}, "Keys"),
    html("dl", {}, ...KEYS.flatMap(([key, what]) => [html("dt", {}, html("kbd", {}, key)), html("dd", {}, what)])),
  ];
}

function described({ title, status, rows, layers, more }) {
  const said = [html("h2", {}, title), html("p", {}, told.meanings[status])];
  said.push(table(["", ...told.names], rows.map(([what, a, b]) => ({ cells: [what, a, b], differs: a !== b }))));
  if (layers.length) {
    said.push(html("h3", {}, "What differs in it"));
    said.push(html("ul", {}, ...layers.map(([sign, path, what]) => html("li", {}, html("b", {}, `${sign} ${path}`), ` ${what}`))));
    if (more) said.push(html("p", {}, `and ${more} more`));
  }
  return said;
}

function table(headings, rows) {
  const line = (cells, tag) => cells.map((cell) => html(tag, {}, cell));
  return html(
    "table", {},
    html("thead", {}, html("tr", {}, ...line(headings, "th"))),
    html("tbody", {}, ...rows.map(({ cells, differs }) => html("tr", { class: differs && "differs" }, ...line(cells, "td")))),
  );
}

const system = matchMedia("(prefers-color-scheme: dark)");
function paint(theme = byId("theme").value) {
  document.documentElement.dataset.theme = theme || (system.matches ? "dark" : "light");
}

function turn() {
  byId("arrangement").value = byId("arrangement").value === "overlaid" ? "side-by-side" : "overlaid";
  show();
}

const actions = {
  n: () => step(1), p: () => step(-1), a: turn, Escape: () => select(null),
  "+": () => sight.zoom(1.25), "=": () => sight.zoom(1.25), "-": () => sight.zoom(0.8), 0: () => fit(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const action = actions[event.key] ?? actions[event.key.toLowerCase()];
  if (action) action();
});
const buttons = {
  next: () => step(1), previous: () => step(-1),
  "zoom-in": () => sight.zoom(1.25), "zoom-out": () => sight.zoom(0.8), "zoom-fit": () => fit(),
};
for (const [id, action] of Object.entries(buttons)) byId(id).addEventListener("click", action);
for (const id of ["arrangement", "detail"]) byId(id).addEventListener("change", show);
byId("theme").addEventListener("change", () => paint());
system.addEventListener("change", () => paint());
addEventListener("beforeprint", () => paint("print"));
addEventListener("afterprint", () => paint());
canvas.addEventListener("click", ({ target }) => {
  if (!canvas.classList.contains("dragged")) select(target.closest(".part")?.dataset.box ?? null);
});

byId("arrangement").value = told.arrangement;
if (!told.boxes.whole) byId("detail").closest("label").hidden = true;
paint();
show();
document.documentElement.dataset.ready = "true";

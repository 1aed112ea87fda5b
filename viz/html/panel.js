// The panel beside the drawing, which says all there is to say of an item, and the tip under the pointer.

import { html } from "./dom.js";
import { amount, extent, multiplied, plural } from "./wording.js";
import { around, isGroup, runOf } from "./model.js";
import { faultDetails, faultList, faultOf } from "./faults.js";
import { bothNetworks, bothSides } from "./sides.js";

const SHORT = 26; // characters of a text that stands on one line
const KEYS_OF_ONE = [["1 2 3", "graph, stages, volumes"]];
const KEYS_OF_TWO = [["N, P", "next, previous difference"], ["A", "overlaid, side by side"]];
const KEYS = [
  ["arrows", "from layer to layer"],
  ["Enter", "open or close a block"],
  ["Esc", "out to the block around"],
  ["/", "search"],
  ["+ − 0", "zoom in, out, fit"],
  ["Shift E, Shift C", "open all, close all"],
  ["F", "fold equal blocks, unfold"],
  ["S", "save as SVG"],
  ["drag, wheel", "move"],
  ["Ctrl + wheel", "zoom"],
];

/** Shows items in an element; `go` selects another item, `toggle` opens or closes a group, `fold` folds or unfolds a
    run of equal ones, `graph` shows an item in the graph. */
export function panel(place, page, { go, toggle, fold, graph }) {
  place.classList.toggle("wide", !!page.difference);
  const link = (item, text = item.path || item.title) => {
    const parts = text.split(/(?<=\.)/).flatMap((part, i) => (i ? [html("wbr"), part] : [part])); // lines break at dots
    const button = html("button", { class: "link", type: "button" }, ...parts);
    button.addEventListener("click", () => go(item));
    return button;
  };

  const broken = () => page.summary.filter(([name]) => !name).map(([, said]) => html("p", {}, said));

  const network = () => [
    html("h2", {}, page.title),
    ...broken(),
    ...faultList(page, link),
    ...(page.difference ? bothNetworks(page) : [list(page.summary.filter(([name]) => name))]),
    html("h3", {}, "Keys"),
    html("dl", { class: "keys" }, ...[...(page.difference ? KEYS_OF_TWO : KEYS_OF_ONE), ...KEYS].flatMap(([key, what]) => [html("dt", {}, html("kbd", {}, key)), html("dd", {}, what)])),
  ];

  const action = (text, act) => {
    const button = html("button", { type: "button" }, text);
    button.addEventListener("click", act);
    return button;
  };

  /** What a part of a picture stands for. */
  const pictured = (part) => [
    html("h3", {}, "In this picture"),
    list([["stands for", part.path], ["", part.title], ["gives", part.outputs[0]]]),
    shares(costs(part, page)),
  ];

  const described = (item, view, name) => {
    const part = view.part(item);
    const said = [html("h2", {}, item.path || item.title)];
    said.push(html("p", {}, page.difference ? page.difference.statuses[item.colour].means : kind(item)));
    const fault = faultOf(item, page);
    if (fault) said.push(...faultDetails(fault));
    else if (item.fault) said.push(html("p", { class: "fault" }, item.fault));
    if (page.faults?.length > 1 && fault) said.push(html("h3", {}, "Other errors"), ...faultList(page, link, fault));
    if (item.fault) said.push(...broken());
    const [run, actions] = [runOf(item), html("p", { class: "actions" })];
    if (name !== "graph") actions.append(action("Show in the graph", () => graph(item)));
    else if (isGroup(item)) actions.append(action(view.isOpen(item) ? "Close" : "Open", () => toggle(item)));
    if (run && name === "graph") {
      const said = view.isFolded(run[0]) ? `Unfold all ${run.length}` : `Fold the ${run.length} into one`;
      actions.append(action(said, () => fold(item)));
    }
    if (actions.children.length) said.push(actions);
    if (page.difference) return [...said, ...bothSides(item, page, link), ...outside(item)];
    if (part && part.layers.length !== (item.layers ?? 1)) said.push(...pictured(part));
    if (!item.fault) said.push(html("h3", {}, run ? "Costs of each" : "Costs"), shares(costs(item, page)));
    if (run) {
      const sum = (key) => run.reduce((all, { [key]: own = 0 }) => all + own, 0);
      const all = page.figures.map(({ key, own }) => [key, own ? sum(key) : multiplied(item[key], run.length)]);
      said.push(html("h3", {}, `Costs of all ${run.length}`), shares(costs(Object.fromEntries(all), page)));
    }
    if (item.outputs) said.push(html("h3", {}, "Tensors"), list(tensors(item, link)));
    const settings = page.settings[item.settings];
    if (settings?.length) said.push(html("h3", {}, "Parameters"), list(settings.map(([n, v]) => [n.replaceAll("_", " "), v])));
    said.push(...outside(item));
    if (item.line) {
      const [place, line] = item.line;
      const { file, lines } = page.sources[place];
      said.push(html("h3", { "data-file": file, "data-line": line }, `${file}:${line}`), html("pre", {}, lines[line]));
    }
    return said;
  };

  const outside = (item) =>
    around(item).length
      ? [html("h3", {}, "Within"), list(around(item).map((group) => [link(group), group.call ?? ""]))]
      : [];

  return (item, view, name) => {
    place.replaceChildren(...(item ? described(item, view, name) : network()));
    place.scrollTop = 0;
  };
}

function kind(item) {
  if (item.status) return [item.status, item.call ?? item.title, isGroup(item) && plural(item.layers, "layer")].filter(Boolean).join(" · ");
  const inside = isGroup(item) ? item.call ?? "sequence" : item.kind === "block" ? item.title : "";
  const said = [inside ? `${inside}, ${plural(item.layers, "layer")}` : item.title];
  if (runOf(item)) said.push(`one of ${runOf(item).length} equal blocks`);
  if (item.train) said.push("training only");
  if (item.shared) said.push("shared weights");
  for (const note of item.notes ?? []) said.push(note);
  return said.join(" · ");
}

/** Figures of an item, each with its share of the network's, where it has one. */
function costs(item, { figures, root, extents }) {
  const share = (name) => {
    const [own, all] = [item[name], root[name]];
    const shown = typeof own === "number" && typeof all === "number" && all && own;
    return shown ? `${own === all ? 100 : ((100 * own) / all).toPrecision(2)} %` : "";
  };
  const known = figures.filter(({ key }) => item[key] !== undefined);
  const rows = known.map((figure) => [figure.name, amount(item[figure.key], figure, true), figure.signed ? "" : share(figure.key)]);
  if (item.field === null || item.field?.length) rows.push(["receptive field", extent(item.field), ofInput(item.field, extents)]);
  if (item.jump?.length) rows.push(["jump", extent(item.jump), ""]);
  return rows.length ? rows : [["", "none", ""]];
}

/** How much of the input a receptive field is: the largest of its shares. */
function ofInput(field, extents) {
  if (!extents || field?.length !== extents.length || !field.every(Number.isFinite)) return "";
  const share = Math.max(...field.map((size, i) => (100 * size) / extents[i]));
  return `${share >= 100 ? Math.round(share).toLocaleString("en") : Number(share.toPrecision(2))} %`;
}

function tensors(item, link) {
  const rows = counted(item.reads.map((edge) => [edge.from, edge.shape])).map(([from, shape, times]) => [link(from), shape + times]);
  for (const shape of item.outputs) rows.push([item.kind === "output" ? "value" : "output", shape]);
  if (item.dtype) rows.push(["type", item.dtype]);
  const readers = counted(item.feeds.map((edge) => [edge.to, ""]));
  for (const [to, , times] of readers.slice(0, 12)) rows.push([`read by${times}`, link(to)]);
  if (readers.length > 12) rows.push(["", `and ${readers.length - 12} more`]);
  return rows;
}

/** Pairs of an item and a text, each once, with how often it occurs. */
function counted(pairs) {
  const found = new Map();
  for (const [item, text] of pairs) {
    const key = `${item.index} ${text}`;
    found.set(key, { item, text, times: (found.get(key)?.times ?? 0) + 1 });
  }
  return [...found.values()].map(({ item, text, times }) => [item, text, times > 1 ? ` × ${times}` : ""]);
}

/** Names and what they have: short texts on one line, whatever the width, long ones (formulas) on as many as they take. */
function list(rows) {
  const line = ([name, value]) => [html("dt", {}, name), html("dd", { class: value.length <= SHORT ? "figure" : "long" }, value)];
  return html("dl", {}, ...rows.flatMap(line));
}

/** The same of figures, with their shares in a column of their own. */
function shares(rows) {
  const line = ([name, value, share]) =>
    value.length > SHORT
      ? [html("dt", {}, name), html("dd", { class: "long" }, value)]
      : [html("dt", {}, name), html("dd", { class: "figure" }, value), html("dd", { class: "figure share" }, share)];
  return html("dl", { class: "shares" }, ...rows.flatMap(line));
}

function told(number, figure) {
  return `${amount(number, figure)} ${figure.name}`;
}

/** The tip under the pointer: the few figures that a reader wants of every layer. */
export function tip(place, canvas, page) {
  return (item, event) => {
    place.hidden = !item;
    if (!item) return;
    const figures = item.status ? item.more ?? [] : [
      item.outputs?.join(", "),
      ...page.figures.map((figure) => (item[figure.key] ? told(item[figure.key], figure) : "")),
      item.field?.length ? `sees ${extent(item.field)}` : "",
    ].filter(Boolean);
    place.replaceChildren(
      html("b", {}, item.path || item.title),
      html("span", {}, kind(item)),
      ...(figures.length ? [html("span", {}, figures.join(" · "))] : []),
      ...(item.fault ? [html("span", {}, item.fault)] : []),
    );
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    place.style.left = `${Math.max(4, Math.min(x + 14, width - place.offsetWidth - 4))}px`;
    place.style.top = `${y + 18 + place.offsetHeight > height ? y - place.offsetHeight - 10 : y + 18}px`;
  };
}

// The panel beside the drawing, which says all there is to say of an item, and the tip under the pointer.

import { html } from "./dom.js";
import { brief, bytes, count, extent, plural } from "./wording.js";
import { around, isGroup } from "./model.js";

const KEYS = [
  ["arrows", "from layer to layer"],
  ["Enter", "open or close a block"],
  ["Esc", "out to the block around"],
  ["/", "search"],
  ["+ − 0", "zoom in, out, fit"],
  ["Shift E, Shift C", "open all, close all"],
  ["S", "save as SVG"],
  ["drag, wheel", "move"],
  ["Ctrl + wheel", "zoom"],
];

/** Shows items in an element; `go` selects another item, `toggle` opens or closes a group. */
export function panel(place, page, { go, toggle }) {
  const link = (item) => {
    const button = html("button", { class: "link", type: "button" }, item.path || item.title);
    button.addEventListener("click", () => go(item));
    return button;
  };

  const network = () => [
    html("h2", {}, page.title),
    ...page.summary.filter(([name]) => !name).map(([, said]) => html("p", { class: "fault" }, said)),
    list(page.summary.filter(([name]) => name)),
    html("h3", {}, "Keys"),
    html("dl", {}, ...KEYS.flatMap(([key, what]) => [html("dt", {}, html("kbd", {}, key)), html("dd", {}, what)])),
  ];

  const described = (item, open) => {
    const said = [html("h2", {}, item.path || item.title)];
    said.push(html("p", {}, ...kind(item)));
    if (item.fault) said.push(html("p", { class: "fault" }, item.fault));
    if (isGroup(item)) {
      const button = html("button", { type: "button" }, open ? "Close" : "Open");
      button.addEventListener("click", () => toggle(item));
      said.push(button);
    }
    said.push(html("h3", {}, "Costs"), list(costs(item, page.root)));
    if (item.outputs) said.push(html("h3", {}, "Tensors"), list(tensors(item, link)));
    const settings = page.settings[item.settings];
    if (settings?.length) said.push(html("h3", {}, "Parameters"), list(settings.map(([n, v]) => [n.replaceAll("_", " "), v])));
    if (around(item).length) {
      said.push(html("h3", {}, "Within"), list(around(item).map((group) => [link(group), group.call ?? ""])));
    }
    if (item.line) {
      const [file, line] = item.line;
      said.push(html("h3", {}, `${file}:${line}`), html("pre", {}, page.sources[file][line]));
    }
    return said;
  };

  return (item, open) => {
    place.replaceChildren(...(item ? described(item, open) : network()));
    place.scrollTop = 0;
  };
}

function kind(item) {
  const said = [isGroup(item) ? `${item.call ?? "sequence"}, ${plural(item.layers, "layer")}` : item.title];
  if (item.train) said.push("training only");
  if (item.shared) said.push("shared weights");
  for (const note of item.notes ?? []) said.push(note);
  return [said.join(" · ")];
}

function costs(item, root) {
  const share = (name) => {
    const [own, all] = [item[name], root[name]];
    return typeof own === "number" && typeof all === "number" && all && own ? `  (${((100 * own) / all).toPrecision(2)} %)` : "";
  };
  const rows = [];
  if (item.params !== undefined) rows.push(["parameters", count(item.params) + share("params")]);
  if (item.macs !== undefined) rows.push(["MACs", count(item.macs) + share("macs")]);
  if (item.bytes !== undefined) rows.push(["output memory", bytes(item.bytes) + share("bytes")]);
  if (item.field === null || item.field?.length) rows.push(["receptive field", extent(item.field)]);
  if (item.jump?.length) rows.push(["jump", extent(item.jump)]);
  return rows.length ? rows : [["", "none"]];
}

function tensors(item, link) {
  const rows = item.reads.map((edge) => [link(edge.from), edge.shape]);
  for (const shape of item.outputs) rows.push([item.kind === "output" ? "value" : "output", shape]);
  if (item.dtype) rows.push(["type", item.dtype]);
  for (const edge of item.feeds.slice(0, 12)) rows.push(["read by", link(edge.to)]);
  if (item.feeds.length > 12) rows.push(["", `and ${item.feeds.length - 12} more`]);
  return rows;
}

function list(rows) {
  return html("dl", {}, ...rows.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
}

/** The tip under the pointer: the few figures that a reader wants of every layer. */
export function tip(place, canvas) {
  return (item, event) => {
    place.hidden = !item;
    if (!item) return;
    const figures = [
      item.outputs?.join(", "),
      item.params ? `${brief(item.params)} parameters` : "",
      item.macs ? `${brief(item.macs)} MACs` : "",
      item.field?.length ? `sees ${extent(item.field)}` : "",
    ].filter(Boolean);
    place.replaceChildren(
      html("b", {}, item.path || item.title),
      html("span", {}, kind(item)[0]),
      ...(figures.length ? [html("span", {}, figures.join(" · "))] : []),
      ...(item.fault ? [html("span", {}, item.fault)] : []),
    );
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    place.style.left = `${Math.max(4, Math.min(x + 14, width - place.offsetWidth - 4))}px`;
    place.style.top = `${y + 18 + place.offsetHeight > height ? y - place.offsetHeight - 10 : y + 18}px`;
  };
}

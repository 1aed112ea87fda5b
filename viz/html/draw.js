// The drawing: elements for what is in sight, and for nothing else.

import { svg } from "./dom.js";
import { brief, plural } from "./wording.js";
import { around, isGroup, repeats, saidOf } from "./model.js";
import { header, isCircle, lines, often, pathOf, rowed, spanned } from "./layout.js";

const FAR = 0.25; // smaller than this, text is no more than grey dust
const MARGIN = 150; // pixels around the window that are drawn as well
const ROUND = 7;

/** Draws into an element of its own. `decorate` colours an element for its item; both may be told anew at any time. */
export function drawing(canvas, decorate) {
  const layers = ["frames", "edges", "headings", "boxes", "labels"].map((name) => svg("g", { class: name, role: "presentation" }));
  const world = svg("g", { role: "presentation" }, ...layers);
  const [frameLayer, edgeLayer, headingLayer, boxLayer, labelLayer] = layers;
  let parts = []; // {place, layer, make, element}, of all but frames
  let elements = []; // of boxes and frames: {item, element}
  let edgeParts = [];

  const show = ({ sheets }, look) => {
    for (const layer of layers) layer.replaceChildren();
    [elements, edgeParts, parts] = [[], [], []];
    for (const sheet of sheets) lay(sheet, look);
    parts = [...edgeParts, ...parts];
  };

  const lay = ({ side, boxes, frames, edges, headings }, look) => {
    for (const [item, place] of boxes) {
      parts.push({ place, layer: boxLayer, make: () => made(item, box(item, place, look, side)) });
    }
    for (const route of edges) {
      edgeParts.push({ edge: route.edge, place: bounds(route.points), layer: edgeLayer, make: () => edge(route) });
      parts.push(...route.labels.map((label) => ({ place: label, layer: labelLayer, make: () => caption(label) })));
    }
    parts.push(...headings.map((label) => ({ place: label, layer: labelLayer, make: () => networkName(label) })));
    for (const [item, place] of frames) { // few, and in the order of nesting
      frameLayer.append(made(item, frame(item, place, look, side)));
      headingLayer.append(heading(item, place, look.unfolded, side));
    }
  };

  const made = (item, element) => {
    elements.push({ item, element });
    decorate(item, element);
    return element;
  };

  /** Shows what is in sight of the camera, or all where there is none. */
  const look = (view, room) => {
    if (view) aim(world, view);
    canvas.classList.toggle("far", !!view && view.k < FAR);
    for (const one of parts) {
      const inside = !view || inSight(one.place, view, room);
      if (inside) {
        one.element ??= one.make();
        if (!one.element.parentNode) one.layer.append(one.element);
      } else if (one.element?.parentNode) {
        one.element.remove();
      }
    }
  };

  const redecorate = () => {
    for (const { item, element } of elements) decorate(item, element);
  };

  /** Marks the edges of an item, or of none. */
  const point = (items) => {
    for (const one of edgeParts) {
      const near = items.has(one.edge.from) || items.has(one.edge.to);
      if (near) one.element ??= one.make();
      one.element?.classList.toggle("near", near);
    }
  };

  return { world, show, look, redecorate, point };
}

/** Moves an element to where the camera sees it. */
export function aim(world, { x, y, k }) {
  world.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
}

function inSight({ x, y, width = 0, height = 0 }, view, room) {
  const [left, top] = [x * view.k + view.x, y * view.k + view.y];
  return (
    left + width * view.k > -MARGIN && top + height * view.k > -MARGIN &&
    left < room.width + MARGIN && top < room.height + MARGIN
  );
}

function bounds(points) {
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** What a screen reader says of an item. */
export function spoken(item, unfolded) {
  const name = item.path || item.title;
  const said = [name, item.status ?? "", item.title !== name ? item.title : "", item.outputs?.[0] ?? ""];
  if (isGroup(item)) said.push(plural(item.layers, "layer"));
  if (unfolded && repeats(item, unfolded) > 1) said.push(`one of ${item.run.length} that are equal`);
  if (item.fault) said.push(item.fault);
  if (item.params && !item.status) said.push(`${brief(item.params)} parameters`);
  return said.filter(Boolean).join(", ");
}

function treeItem(item, kind, open, unfolded, side) {
  return svg("g", {
    id: side === "a" && item.b ? `${item.id}a` : item.id, // on the sheet of the first network: drawn twice
    class: kind,
    role: "treeitem",
    "data-index": item.index,
    "aria-level": around(item).length + 1,
    "aria-expanded": isGroup(item) ? String(open) : null,
    "aria-selected": "false",
    "aria-setsize": item.parent.children.length,
    "aria-posinset": item.parent.children.indexOf(item) + 1,
    "aria-label": spoken(item, unfolded),
  });
}

function marks(item) {
  return [
    ...(item.train ? ["train"] : []),
    ...(item.device === undefined ? [] : ["on-device", `d${item.device}`]),
    ...(item.colour === undefined ? [] : [`c${item.colour}`]),
    ...(item.status ? [item.status] : []),
  ];
}

function box(item, { x, y, width, height, stacked }, look, side) {
  const group = treeItem(item, "box", false, look.unfolded, side);
  const badge = often(item, look.unfolded);
  group.classList.add(...marks(item), ...(isGroup(item) && item.colour === undefined ? ["closed"] : []));
  const outline = { class: "shape", x, y, width, height, rx: 6 };
  if (isCircle(item, look)) {
    group.append(svg("circle", { class: "shape", cx: x + width / 2, cy: y + height / 2, r: width / 2 }));
  } else if (item.kind === "input" || item.kind === "output") {
    group.append(svg("rect", { ...outline, rx: height / 2 }));
  } else if (isGroup(item)) {
    // Two sheets under the first: there is more below.
    group.append(svg("rect", { ...outline, class: "under", x: x + 6, width: width - 12, y: y + 3 }));
    for (const step of badge ? [6, 3] : []) group.append(svg("rect", { ...outline, class: "under", x: x + step, y: y + step, height: height - 4 }));
    group.append(svg("rect", { ...outline, height: height - 4 }));
    group.append(...chevron(x + 13, y + (height - 4) / 2, false));
  } else {
    group.append(svg("rect", outline));
  }
  if (item.shared) {
    group.append(svg("rect", { ...outline, x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: 4 }));
  }
  if (stacked) {
    group.classList.add("stacked");
    const { title, name, figure } = rowed(item, look);
    group.append(svg("text", { class: "title", x: x + 10, y: y + 16 }, title));
    if (name) group.append(svg("text", { class: "quiet", x: x + width - 10, y: y + 16 }, name));
    if (figure) group.append(svg("text", { class: "figure", x: x + 10, y: y + 31 }, figure));
    return group;
  }
  const said = lines(item, look, side);
  const middle = x + width / 2 + (isGroup(item) ? 8 : 0) - (badge ? 6 + badge.length * 3 : 0);
  if (badge) group.append(svg("text", { class: "times", "data-fold": true, x: x + width - 10, y: y + height / 2 + 2 }, badge));
  const room = isGroup(item) ? height - 4 : height;
  said.forEach(({ text, style }, i) => {
    const base = y + room / 2 + 15 * (i - (said.length - 1) / 2) + 4;
    group.append(svg("text", { class: style, x: middle, y: base }, text));
  });
  if (item.sign) group.append(...sign(item, x + 1, y + 1));
  return group;
}

/** How an item differs between two networks, for those who see no colours. */
function sign(item, x, y) {
  return [
    svg("circle", { class: "disc", cx: x, cy: y, r: 7.5 }),
    svg("text", { class: "sign", x, y: y + 4.2 }, item.sign),
  ];
}

function frame(item, { x, y, width, height }, look, side) {
  const group = treeItem(item, "frame", true, look.unfolded, side);
  group.classList.add(...marks(item));
  if (around(item).length % 2) group.classList.add("odd");
  group.append(svg("rect", { class: "shape", x, y, width, height, rx: 8 }));
  return group;
}

/** The heading of a frame: apart from it, so that no edge strikes it out. */
function heading(item, { x, y }, unfolded, side) {
  const group = svg("g", { class: "heading", role: "presentation", "data-index": item.index });
  group.classList.add(...marks(item), ...(around(item).length % 2 ? ["odd"] : []));
  const own = saidOf(item, side);
  const call = own.call ? svg("tspan", { dx: 7 }, own.call) : null;
  const back = svg("rect", { class: "back", x: x + 25, y: y + 8, width: header(item, unfolded, side) + 7, height: 17, rx: 3 });
  const badge = often(item, unfolded);
  const repeated = badge ? svg("tspan", { class: "times", "data-fold": true, dx: 7 }, badge) : null;
  const text = svg("text", { x: x + 28, y: y + 20 }, spanned(item, pathOf(item, side), unfolded, side), call, repeated);
  group.append(back, ...chevron(x + 15, y + 16, true), text);
  return group;
}

/** The sign that opens and closes a group, with room for a finger. */
function chevron(x, y, open) {
  const d = open ? `M${x - 4} ${y - 2}l4 4 4-4` : `M${x - 2} ${y - 4}l4 4-4 4`;
  return [
    svg("path", { class: "chevron", d }),
    svg("rect", { class: "zone", "data-toggle": true, x: x - 13, y: y - 14, width: 28, height: 28 }),
  ];
}

function edge({ edge: { train, crossing, from, to, shapes, side }, points }) {
  const group = svg("g", { class: "edge", role: "presentation" });
  if (side) group.classList.add("lone", `in-${side}`);
  if (train) group.classList.add("train");
  if (crossing) group.classList.add("crossing");
  group.append(svg("path", { d: rounded(points) }), head(points.at(-2), points.at(-1)));
  group.append(svg("title", {}, `${from.path || from.title} → ${to.path || to.title}: ${shapes.join(", ")}`));
  return group;
}

/** A line through points, its corners rounded, that ends within the arrow's head. */
function rounded(points) {
  const path = [`M${points[0].x} ${points[0].y}`];
  for (let i = 1; i < points.length - 1; i++) {
    const [before, at, after] = [points[i - 1], points[i], points[i + 1]];
    const r = Math.min(ROUND, length(before, at) / 2, length(at, after) / 2);
    const [a, b] = [toward(at, before, r), toward(at, after, r)];
    path.push(`L${a.x} ${a.y}Q${at.x} ${at.y} ${b.x} ${b.y}`);
  }
  const end = toward(points.at(-1), points.at(-2), 4);
  return `${path.join("")}L${end.x} ${end.y}`;
}

function head(from, to) {
  const [back, l] = [toward(to, from, 7), Math.max(length(from, to), 1e-6)];
  const [dx, dy] = [((to.y - from.y) / l) * 3.4, ((to.x - from.x) / l) * 3.4];
  const corners = [to, { x: back.x - dx, y: back.y + dy }, { x: back.x + dx, y: back.y - dy }];
  return svg("path", { class: "head", d: `M${corners.map(({ x, y }) => `${+x.toFixed(1)} ${+y.toFixed(1)}`).join("L")}Z` });
}

function length(a, b) {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function toward(from, to, distance) {
  const part = distance / Math.max(length(from, to), 1e-6);
  const along = (a, b) => +(a + (b - a) * part).toFixed(1);
  return { x: along(from.x, to.x), y: along(from.y, to.y) };
}

function networkName({ x, y, height, text }) {
  return svg("text", { class: "network-name", x, y: y + height - 8 }, text);
}

function caption({ x, y, height, text }) {
  return svg("text", { class: "label", x: x + 2, y: y + height - 3 }, text);
}

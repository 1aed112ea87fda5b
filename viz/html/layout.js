// From what is seen to where it is: sizes of boxes from their text, places from the engine.

import { amount, plural } from "./wording.js";
import { isGroup, repeats, saidOf, within } from "./model.js";
import { share } from "./heat.js";
import { TOUCH } from "./stacks.js";

const FONT = '"Liberation Sans", Arial, Helvetica, sans-serif';
const DIRECTIONS = { down: "DOWN", up: "UP", right: "RIGHT", left: "LEFT" };
export const TITLE = 12.5;
export const QUIET = 11;
const LABEL = 11;
const HEADER = 26; // of a frame
const FAULT_LINE = 36; // characters
const FAULT_LINES = 5;
const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
  "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
  "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
  "elk.layered.thoroughness": "3",
  "elk.spacing.nodeNode": "18",
  "elk.spacing.edgeNode": "14",
  "elk.spacing.edgeEdge": "10",
  "elk.spacing.edgeLabel": "5",
  "elk.layered.spacing.nodeNodeBetweenLayers": "26",
  "elk.layered.spacing.edgeNodeBetweenLayers": "12",
  "elk.padding": "[top=20,left=20,bottom=20,right=20]",
};

// Of two networks the second is kept straight, and the first turns off from it.
const BACKBONE = { "elk.layered.priority.direction": "10", "elk.layered.priority.straightness": "10" };

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

function width(text, size, bold = false) {
  const key = `${size}${bold}${text}`;
  if (!widths.has(key)) {
    pen.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

/** What is written in a box: what it is, its name, and a figure where a heat map asks for it; of both networks together,
    or of one side. */
export function lines(item, { heat, loose, unfolded }, side) {
  const own = saidOf(item, side);
  const name = spanned(item, loose.has(item.parent) ? pathOf(item, side) : own.name, unfolded, side);
  let [first, second] = item.kind === "group" ? [name, [own.call]] : [own.title ?? item.title, [name]];
  if (own.call && /^\d+$/.test(own.name)) [first, second] = [own.call, [spanned(item, pathOf(item, side), unfolded, side)]]; // a number says little
  const said = [{ text: first, size: TITLE, style: "title" }];
  const several = repeats(item, unfolded) > 1;
  if (isGroup(item)) second.push(plural(own.layers ?? item.layers, "layer") + (several ? " each" : ""));
  if (second.some(Boolean)) said.push({ text: second.filter(Boolean).join(" · "), size: QUIET, style: "quiet" });
  for (const text of [...(own.more ?? []), ...((several ? own.each : own.total) ?? [])]) said.push({ text, size: QUIET, style: "quiet" });
  if (item.fault) said.push(...wrapped(item.fault).map((text) => ({ text, size: QUIET, style: "quiet" })));
  if (heat && item[heat.key] !== 0 && item[heat.key] !== undefined) {
    said.push({ text: amount(share(item, heat, unfolded), heat), size: QUIET, style: "figure" });
  }
  return said;
}

/** The path of an item, in one of two networks or both: those of a pair may differ. */
export function pathOf(item, side) {
  return saidOf(item, side).label || item.path || item.title;
}

/** The name of a group, or of all in whose stead it is drawn. */
export function spanned(item, name, unfolded, side) {
  return repeats(item, unfolded) > 1 ? `${name} … ${pathOf(item.run.at(-1), side).split(".").at(-1)}` : name;
}

/** How often a box or frame occurs; nothing for once. */
export function often(item, unfolded) {
  return repeats(item, unfolded) > 1 ? `× ${item.run.length}` : "";
}

/** What is wrong with a step, in a few lines that break between words but not within a shape. */
function wrapped(text) {
  const found = [""];
  for (const word of text.match(/[^\s[]*\[[^\]]*\]\S*|\S+/g)) {
    const longer = `${found.at(-1)} ${word}`.trim();
    if (longer.length <= FAULT_LINE || !found.at(-1)) found[found.length - 1] = longer;
    else found.push(word);
  }
  return found.length > FAULT_LINES ? [...found.slice(0, FAULT_LINES), "…"] : found;
}

export function isCircle(item, look) {
  return item.kind === "join" && item.title.length <= 3 && look.sides.every((side) => lines(item, look, side).length === 1);
}

/** The size of a box: that of the larger of two, so that what corresponds is drawn level. */
function sized(item, look) {
  if (isCircle(item, look)) return { width: 28, height: 28 };
  const sides = look.sides.filter((side) => !side || item[side]).map((side) => lines(item, look, side));
  const said = sides.reduce((most, one) => (one.length > most.length ? one : most));
  const widest = Math.max(...sides.flat().map(({ text, size, style }) => width(text, size, style === "figure")));
  const badge = often(item, look.unfolded);
  const across = widest + 24 + (isGroup(item) ? 20 : 0) + (badge && width(badge, TITLE, true) + 10);
  return { width: Math.max(64, Math.ceil(across)), height: 15 * said.length + (isGroup(item) ? 16 : 13) };
}

/** A layer in a stack: what it does to the left, its name to the right, and a figure below. */
export function rowed(item, look) {
  const said = lines(item, look);
  const [quiet, figure] = ["quiet", "figure"].map((style) => said.find((one) => one.style === style));
  const across = width(said[0].text, TITLE) + (quiet ? 14 + width(quiet.text, QUIET) : 0);
  const widest = Math.max(across, figure ? width(figure.text, QUIET, true) : 0);
  return { title: said[0].text, name: quiet?.text, figure: figure?.text, width: Math.ceil(widest) + 20, height: figure ? 37 : 23 };
}

/** What is written beside edges: the shapes that are news, each once beside the edges that begin at one box. */
function labels(edges, shapes) {
  const said = new Set();
  return edges.map((edge) => {
    if (!edge.crossing && !(shapes && edge.news)) return [];
    const text = edge.shapes.length > 1 ? `${edge.shapes.length} shapes` : edge.shape;
    const key = `${edge.from.index} ${text}`;
    if (said.has(key) && !edge.crossing) return [];
    said.add(key);
    return [{ text, width: Math.ceil(width(text, LABEL)) + 4, height: LABEL + 3 }];
  });
}

/** The places of everything seen: boxes and frames by item, edges as points with their labels. */
export async function layOut(ask, { boxes, frames, edges: all, loose, unfolded, stacks }, { direction, shapes, heat, root, sides }) {
  const look = { heat, loose, unfolded, sides };
  const stackOf = new Map(stacks.flatMap((stack) => stack.map((item) => [item, stack])));
  const stood = (item) => stackOf.get(item)?.[0] ?? item; // which the engine knows
  const inner = all.filter(({ from, to }) => stood(from) === stood(to));
  const edges = all.filter((edge) => !inner.includes(edge));
  const framed = new Set(frames);
  const standing = (item) => (loose.has(item) ? within(item, unfolded).flatMap(standing) : [item]);
  const nodes = (group) =>
    within(group, unfolded)
      .flatMap(standing)
      .filter((item) => stood(item) === item)
      .sort((one, other) => one.order - other.order)
      .map(node);
  const node = (item) =>
    framed.has(item)
      ? {
          id: item.id,
          children: nodes(item),
          layoutOptions: {
            "elk.padding": `[top=${HEADER + 12},left=14,bottom=14,right=14]`,
            "elk.nodeSize.constraints": "MINIMUM_SIZE",
            "elk.nodeSize.minimum": least(Math.ceil(header(item, unfolded) + 44), HEADER, direction),
          },
        }
      : { id: item.id, ...(stackOf.has(item) ? heaped(stackOf.get(item), look) : sized(item, look)) };
  const said = labels(edges, shapes);
  const several = edges.some(({ side }) => side);
  const placed = await ask({
    id: "root",
    layoutOptions: { ...OPTIONS, "elk.direction": DIRECTIONS[direction] },
    children: nodes(root),
    edges: edges.map(({ id, from, to, side }, i) => ({
      id, sources: [stood(from).id], targets: [stood(to).id], labels: said[i], layoutOptions: several && side !== "a" ? BACKBONE : {},
    })),
  });
  const places = new Map();
  const collect = ({ id, x, y, width, height, children = [] }) => {
    places.set(id, { x: round(x), y: round(y), width: round(width), height: round(height) });
    children.forEach(collect);
  };
  placed.children.forEach(collect);
  for (const stack of stacks) heap(stack, places, look, direction);
  const routes = new Map(placed.edges.map((edge) => [edge.id, edge]));
  return {
    width: placed.width,
    height: placed.height,
    inner: inner.map((edge) => ({ edge })),
    boxes: new Map(boxes.map((item) => [item, places.get(item.id)])),
    frames: new Map(frames.map((item) => [item, places.get(item.id)])),
    edges: edges.map((edge) => {
      const { sections = [], labels = [] } = routes.get(edge.id);
      const points = sections.flatMap((s) => [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]);
      for (const at of [...points, ...labels]) Object.assign(at, { x: round(at.x), y: round(at.y) });
      return { edge, points, labels };
    }),
  };
}

/** The size of layers on top of one another. */
function heaped(stack, look) {
  const rows = stack.map((item) => rowed(item, look));
  const height = rows.reduce((sum, row) => sum + row.height, TOUCH * (rows.length - 1));
  return { width: Math.max(64, ...rows.map((row) => row.width)), height };
}

/** Gives each layer of a stack its place in that of the whole, the last at the top where data flows up. */
function heap(stack, places, look, direction) {
  const whole = places.get(stack[0].id);
  let { y } = whole;
  for (const item of direction === "up" ? stack.toReversed() : stack) {
    const { height } = rowed(item, look);
    places.set(item.id, { ...whole, y: round(y), height, stacked: true });
    y += height + TOUCH;
  }
}

function round(number) {
  return Math.round(number * 10) / 10;
}

/** The least size of a frame. The engine lays flows out to the right and turns the result, but not this. */
function least(width, height, direction) {
  return direction === "down" || direction === "up" ? `(${height},${width})` : `(${width},${height})`;
}

/** The width of a frame's heading. */
export function header(item, unfolded, side) {
  const [name, badge] = [spanned(item, pathOf(item, side), unfolded, side), often(item, unfolded)];
  const { call } = saidOf(item, side);
  return width(name, TITLE, true) + width(call ? `  ${call}` : "", TITLE) + width(badge && `  ${badge}`, TITLE, true);
}

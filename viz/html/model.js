// The network as a tree of items, and what is seen of it while some of its groups are open.

import { looseGroups, returning } from "./nesting.js";

const FEW = 12; // boxes: a page that would show fewer opens its outermost groups,
const MANY = 40; // unless it would show more than these
const MANY_DIFFERENT = 60; // boxes of two networks that are shown at first
export const MOST = 1500; // boxes that are ever shown at once

/** The page's data with its items linked to their parents and children, and to be found by path. Of two networks, an
    item has its status as colour and sign, and in `a` and `b` what it is in each that has it. */
export function model(data) {
  const statuses = data.difference?.statuses ?? [];
  const items = data.items.map((item, index) => {
    const colour = item.status ? statuses.findIndex(({ name }) => name === item.status) : item.colour;
    const sides = item.both ? { a: item.both, b: item.both } : {};
    return { ...item, ...sides, colour, sign: statuses[colour]?.sign, index, id: `i${index}`, children: [], level: 0 };
  });
  const byPath = new Map();
  for (const item of items) {
    if (item.parent !== null) {
      item.parent = items[item.parent];
      item.level = item.parent.level + 1;
      item.parent.children.push(item);
    }
    if (item.path && !byPath.has(item.path)) byPath.set(item.path, item);
    if (item.of !== undefined) {
      item.first = items[item.of];
      if (item.kind === "group") (item.first.run ??= [item.first]).push(item);
    }
  }
  for (const item of items) item.alike &&= item.alike.map((place) => items[place]);
  for (const { a, index } of items) if (a?.label && !byPath.has(a.label)) byPath.set(a.label, items[index]);
  const edges = data.edges.map(([from, to, shape, news, crossing, train, side = ""]) => ({
    from: items[from], to: items[to], shape, news: !!news, crossing: !!crossing, train: !!train, side,
  }));
  for (const item of items.toReversed()) if (isGroup(item)) item.order = meanOrder(item.children);
  for (const item of items) Object.assign(item, { reads: [], feeds: [] });
  for (const edge of edges) {
    edge.from.feeds.push(edge);
    edge.to.reads.push(edge);
  }
  return { ...data, items, edges, root: items[0], byPath };
}

/** What is said of an item: of both networks together, or of one. */
export function saidOf(item, side) {
  return (side && item[side]) || item;
}

/** Where a group stands in the order of the layers: an early parameter among its layers does not draw it forward. */
function meanOrder(items) {
  const layers = (item) => Math.max(item.layers ?? 1, 1);
  const all = items.reduce((sum, item) => sum + layers(item), 0);
  return items.reduce((sum, item) => sum + item.order * layers(item), 0) / all;
}

export function isGroup(item) {
  return item.children.length > 0;
}

/** The groups around an item, outermost first, without the network itself. */
export function around(item) {
  const found = [];
  for (let group = item.parent; group?.parent; group = group.parent) found.unshift(group);
  return found;
}

/** The run of equal groups that an item is the first of, or is folded with; if there is one. */
export function runOf(item) {
  return item.run ?? item.first?.run;
}

/** How many equal groups an item stands for while some runs are unfolded, known by their first. */
export function repeats(item, unfolded) {
  return item.run && !unfolded.has(item) ? item.run.length : 1;
}

/** How many layers a layer stands for, in all the folded runs that it is in. */
export function times(item, unfolded) {
  return [...around(item), item].reduce((product, one) => product * repeats(one, unfolded), 1);
}

/** The layers that an item stands for while some runs are folded: its own, and those in their places in the equal groups. */
export function layersFor(item, unfolded) {
  const layers = (one) => (isGroup(one) ? one.children.flatMap(layers) : [one]);
  const found = new Set(layers(item));
  for (const first of [item, ...around(item).toReversed()].filter((one) => repeats(one, unfolded) > 1)) {
    const at = new Map(first.alike.map((layer, i) => [layer, i]));
    const places = [...found].map((layer) => at.get(layer)).filter((place) => place !== undefined);
    for (const group of first.run) for (const place of places) found.add(group.alike[place]);
  }
  return found;
}

/** What lies in a group and is not folded away. */
export function within(group, unfolded) {
  return group.children.filter(({ first }) => !first || unfolded.has(first));
}

/** The first of each run that must be unfolded for an item to be seen. */
export function foldedAround(item, unfolded) {
  return [...around(item), item].map(({ first }) => first).filter((first) => first && !unfolded.has(first));
}

/** The groups that are open at first, and the runs that are unfolded: of one network, what is around what is wrong, and
    the outermost level where little would be seen without; of two, what differs in part, as far as a page holds it. */
export function atFirst({ root, items, difference }) {
  if (difference) return { open: partlyDifferent(root), unfolded: new Set() };
  const wrong = items.filter((item) => item.fault);
  const faulty = wrong.flatMap(around);
  const unfolded = new Set(wrong.flatMap((item) => foldedAround(item, new Set())));
  const groups = root.children.filter((item) => item.kind === "group");
  const inner = groups.reduce((sum, group) => sum + within(group, unfolded).length, 0);
  const outer = within(root, unfolded).length;
  const after = outer - groups.length + inner;
  return { open: new Set([...faulty, ...(outer < FEW && after <= MANY ? groups : [])]), unfolded };
}

function partlyDifferent(root) {
  const open = new Set();
  let shown = within(root, open).length;
  const waiting = [root];
  for (const group of waiting) {
    if (group !== root) {
      shown += within(group, open).length - 1;
      if (shown > MANY_DIFFERENT) break;
      open.add(group);
    }
    waiting.push(...within(group, open).filter((item) => isGroup(item) && item.status === "changed"));
  }
  return open;
}

/** As many groups below one as can be shown, outermost first; and whether that is all of them. */
export function openBelow(item, open, unfolded) {
  const found = new Set(open);
  let shown = opened(item, found, unfolded);
  const waiting = [item];
  for (const group of waiting) {
    if (!isGroup(group)) continue;
    if (group.parent && !found.has(group)) {
      shown += within(group, unfolded).length - 1;
      if (shown > MOST) return { open: found, all: false };
      found.add(group);
    }
    for (const child of within(group, unfolded)) waiting.push(child);
  }
  return { open: found, all: true };
}

/** How many boxes are seen below an item. */
export function opened(item, open, unfolded) {
  return within(item, unfolded).reduce((sum, one) => sum + (open.has(one) ? opened(one, open, unfolded) : 1), 0);
}

/** What is seen while some groups are open and some runs unfolded: boxes (layers and closed groups), frames (open
    groups, but for those that are loose) and edges. A closed group that is fed by what it feeds is seen as what is in it. */
export function seen(page, open, unfolded) {
  for (;;) {
    const found = seenWith(page, open, unfolded);
    const again = returning(found.boxes, forwards(found.edges));
    if (!again.length) {
      const loose = looseGroups(page.root, open, forwards(found.edges));
      return { ...found, frames: found.frames.filter((item) => !loose.has(item)), loose, unfolded };
    }
    open = new Set([...open, ...again]);
  }
}

/** What was moved is read backwards in the first of two networks, which is no knot of the second. */
function forwards(edges) {
  return edges.filter(({ from, to, side }) => side !== "a" || from.order < to.order);
}

function seenWith({ root, edges }, open, unfolded) {
  const boxes = [];
  const frames = [];
  const standsFor = new Map(); // every item inside a closed group is seen as that group,
  const folded = new Set(); // and these layers as those of the first of their run
  const hide = (item, box) => {
    standsFor.set(item, box);
    for (const child of item.children) hide(child, box);
  };
  const walk = (item) => {
    if (item.first && !unfolded.has(item.first)) {
      fold(item);
    } else if (open.has(item)) {
      frames.push(item);
      item.children.forEach(walk);
    } else {
      boxes.push(item);
      hide(item, item);
    }
  };
  const fold = (item) => {
    if (!item.alike) return item.children.forEach(fold); // a page of them
    item.alike.forEach((layer, i) => {
      folded.add(layer);
      standsFor.set(layer, standsFor.get(item.first.alike[i]));
    });
  };
  root.children.forEach(walk);
  const merged = new Map();
  for (const edge of edges) {
    const [from, to] = [standsFor.get(edge.from), standsFor.get(edge.to)];
    if (from === to || folded.has(edge.to)) continue;
    const key = `${from.index}>${to.index}`;
    const known = merged.get(key);
    if (!known) {
      merged.set(key, { ...edge, id: `e${merged.size}`, from, to, shapes: [edge.shape], times: 1 });
    } else {
      known.times++;
      if (!known.shapes.includes(edge.shape)) known.shapes.push(edge.shape);
      known.news ||= edge.news;
      known.crossing ||= edge.crossing;
      known.train &&= edge.train;
      if (known.side !== edge.side) known.side = "";
    }
  }
  return { boxes, frames, edges: [...merged.values()] };
}

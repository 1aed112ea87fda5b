// The network as a tree of items, and what is seen of it while some of its groups are open.

import { looseGroups } from "./nesting.js";

const FEW = 12; // boxes: a page that would show fewer opens its outermost groups,
const MANY = 40; // unless it would show more than these
export const MOST = 1500; // boxes that are ever shown at once

/** The page's data with its items linked to their parents and children, and to be found by path. */
export function model(data) {
  const items = data.items.map((item, index) => ({ ...item, index, id: `i${index}`, children: [], level: 0 }));
  const byPath = new Map();
  for (const item of items) {
    if (item.parent !== null) {
      item.parent = items[item.parent];
      item.level = item.parent.level + 1;
      item.parent.children.push(item);
    }
    if (item.path && !byPath.has(item.path)) byPath.set(item.path, item);
  }
  const edges = data.edges.map(([from, to, shape, news, crossing, train]) => ({
    from: items[from], to: items[to], shape, news: !!news, crossing: !!crossing, train: !!train,
  }));
  for (const item of items.toReversed()) if (isGroup(item)) item.order = meanOrder(item.children);
  for (const item of items) Object.assign(item, { reads: [], feeds: [] });
  for (const edge of edges) {
    edge.from.feeds.push(edge);
    edge.to.reads.push(edge);
  }
  return { ...data, items, edges, root: items[0], byPath };
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

/** The groups that are open at first: those around what is wrong, and those of the outermost level where little would
    be seen without. */
export function openAtFirst({ root, items }) {
  const faulty = items.filter((item) => item.fault).flatMap(around);
  const groups = root.children.filter((item) => item.kind === "group");
  const within = groups.reduce((sum, group) => sum + group.children.length, 0);
  const after = root.children.length - groups.length + within;
  return new Set([...faulty, ...(root.children.length < FEW && after <= MANY ? groups : [])]);
}

/** As many groups below one as can be shown, outermost first; and whether that is all of them. */
export function openBelow(item, open) {
  const found = new Set(open);
  let shown = unfolded(item.children, found).length;
  const waiting = [item];
  for (const group of waiting) {
    if (!isGroup(group)) continue;
    if (group.parent && !found.has(group)) {
      shown += group.children.length - 1;
      if (shown > MOST) return { open: found, all: false };
      found.add(group);
    }
    for (const child of group.children) waiting.push(child);
  }
  return { open: found, all: true };
}

function unfolded(items, open) {
  return items.flatMap((item) => (open.has(item) ? unfolded(item.children, open) : [item]));
}

/** What is seen while some groups are open: boxes (layers and closed groups), frames (open groups, but for those that
    are loose) and edges. */
export function seen({ root, edges }, open) {
  const boxes = [];
  const opened = [];
  const standsFor = new Map(); // every item inside a closed group is seen as that group
  const hide = (item, box) => {
    standsFor.set(item, box);
    for (const child of item.children) hide(child, box);
  };
  const walk = (item) => {
    if (open.has(item)) {
      opened.push(item);
      item.children.forEach(walk);
    } else {
      boxes.push(item);
      hide(item, item);
    }
  };
  root.children.forEach(walk);
  const merged = new Map();
  for (const edge of edges) {
    const [from, to] = [standsFor.get(edge.from), standsFor.get(edge.to)];
    if (from === to) continue;
    const key = `${from.index}>${to.index}`;
    const known = merged.get(key);
    if (!known) {
      merged.set(key, { ...edge, id: `e${merged.size}`, from, to, shapes: [edge.shape] });
    } else {
      if (!known.shapes.includes(edge.shape)) known.shapes.push(edge.shape);
      known.news ||= edge.news;
      known.crossing ||= edge.crossing;
      known.train &&= edge.train;
    }
  }
  const loose = looseGroups(root, open, merged.values());
  return { boxes, frames: opened.filter((item) => !loose.has(item)), loose, edges: [...merged.values()] };
}

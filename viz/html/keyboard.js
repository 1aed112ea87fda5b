// The keys: arrows go along the tensors and to the neighbours beside, the rest is in the panel's list.

import { isGroup } from "./model.js";

const AHEAD = { down: "ArrowDown", up: "ArrowUp", right: "ArrowRight", left: "ArrowLeft" };
const OPPOSITE = { ArrowDown: "ArrowUp", ArrowUp: "ArrowDown", ArrowRight: "ArrowLeft", ArrowLeft: "ArrowRight" };
const WAY = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };

/** Where an arrow leads from an item: along an edge where the data flows that way, else to the nearest box there. */
export function neighbour(item, key, { boxes, frames, edges }, direction) {
  if (!item) return boxes.keys().next().value;
  const forward = key === AHEAD[direction];
  if (forward || key === OPPOSITE[AHEAD[direction]]) {
    const here = inside(item, [...boxes.keys()]);
    const leads = edges
      .map(({ edge }) => edge)
      .filter((edge) => (forward ? here.has(edge.from) : here.has(edge.to)))
      .map((edge) => (forward ? edge.to : edge.from));
    const on = isGroup(item) && frames.has(item) && forward ? [...here] : leads.filter((box) => !here.has(box));
    return on.length ? nearest(item, on, boxes, frames) : null;
  }
  const [dx, dy] = WAY[key];
  const from = centre(boxes.get(item) ?? frames.get(item));
  const beside = [...boxes.keys()].filter((box) => {
    const to = centre(boxes.get(box));
    const [along, off] = [(to.x - from.x) * dx + (to.y - from.y) * dy, Math.abs((to.x - from.x) * dy + (to.y - from.y) * dx)];
    return along > 4 && off <= along * 1.5;
  });
  return beside.length ? nearest(item, beside, boxes, frames) : null;
}

/** The boxes of an item: itself, or all that is seen in an open group. */
function inside(item, boxes) {
  const within = (box) => {
    for (let at = box; at; at = at.parent) if (at === item) return true;
    return false;
  };
  return new Set(boxes.filter(within));
}

function nearest(item, candidates, boxes, frames) {
  const from = centre(boxes.get(item) ?? frames.get(item));
  const distance = (box) => {
    const to = centre(boxes.get(box));
    return Math.hypot(to.x - from.x, to.y - from.y);
  };
  return candidates.reduce((best, box) => (distance(box) < distance(best) ? box : best));
}

function centre({ x, y, width, height }) {
  return { x: x + width / 2, y: y + height / 2 };
}

/** Calls what a key stands for, wherever in the page it is pressed but in a field or list. */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, select");
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (!action || (event.key === "Enter" && event.target.closest("button"))) return;
    if (event.key in WAY && event.target.closest("#panel")) return; // which scrolls
    event.preventDefault();
    action(event.key);
  });
}

// A view that is a picture, made when it is first asked for: its parts are stages, each of which stands for layers.

import { svg } from "./dom.js";
import { aim, spoken } from "./draw.js";
import { neighbour } from "./keyboard.js";
import { entries, greatest, shade, showLegend, swatch } from "./heat.js";
import { pictureFile } from "./save.js";

const SMALLEST = 11; // pixels of the letters of a picture that is seen whole; one with smaller ones is shown from its start
const NATURAL = 4 / 3; // pixels in a point, in which pictures are measured

/** The view of a picture, from its data; `name` is what it is called. */
export function pictureView(page, name, data, { legend, state, sight, select, go }) {
  const world = svg("g", { class: "picture", role: "presentation" });
  const partOf = new Map(); // by what it stands for
  const parts = (data.parts ?? []).map((part, index) => ({ ...part, index, children: [], id: `${name}${index}` }));
  for (const part of parts) for (const layer of part.layers) partOf.set(page.items[layer], part);
  const elements = new Map();
  let flow = null; // the places of parts and their links, once they are drawn

  const build = ([tag, attributes, ...inner]) => {
    const element = svg(tag, attributes, ...inner.map((one) => (typeof one === "string" ? one : build(one))));
    const part = parts[/^part(\d+)$/.exec(attributes.id ?? "")?.[1]];
    if (part) treat(element, part);
    return element;
  };
  const treat = (element, part) => {
    elements.set(part, element);
    const said = {
      id: part.id, class: "part", role: "treeitem", "data-part": part.index, "aria-level": 1, "aria-selected": "false",
      "aria-setsize": parts.length, "aria-posinset": part.index + 1, "aria-label": spoken(part),
    };
    for (const [name, value] of Object.entries(said)) element.setAttribute(name, value);
  };

  /** Where each part is, in the picture's own measure. */
  const measured = (element) => {
    const { e, f, a } = world.getCTM().inverse().multiply(element.getCTM());
    const { x, y, width, height } = element.getBBox();
    return { x: x * a + e, y: y * a + f, width, height };
  };

  /** The parts that stand for an item or what lies in it. */
  const touched = (item) => {
    if (!item) return new Set();
    const own = partOf.get(item);
    return own ? new Set([own]) : new Set(item.children.flatMap((child) => [...touched(child)]));
  };
  const chosen = () => [...touched(state.selected)];

  /** Colours the shapes of a part, and the letters that stand in them; without an amount they are as they were drawn. */
  const paint = (element, colours) => {
    const shapes = [...element.querySelectorAll("rect, polygon, ellipse")].filter((shape) => shape.getAttribute("fill") !== "none");
    for (const shape of shapes) shape.style.fill = colours?.fill ?? "";
    const boxes = shapes.filter(({ tagName }) => tagName !== "polygon").map((shape) => shape.getBBox());
    for (const text of element.querySelectorAll("text")) {
      const [x, y] = [Number(text.getAttribute("x")), Number(text.getAttribute("y"))];
      const inside = boxes.some((box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height);
      text.style.fill = (inside && colours?.text) || "";
    }
  };
  const amounts = () => (state.heat ? parts.map((part) => part[state.heat.key]) : []);

  /** The picture has a legend of its own, but not for heat. */
  const told = () => {
    const boxes = parts.map(({ item, train }) => ({ ...page.items[item], train, run: null }));
    const edges = data.links.map(([from, to]) => [boxes[from].device, boxes[to].device])
      .map(([from, to]) => ({ crossing: from !== undefined && to !== undefined && from !== to }));
    return entries({ boxes, frames: [], edges }, page, state.heat);
  };
  const tellLegend = () => {
    world.querySelector(":scope > .legend")?.toggleAttribute("hidden", !!state.heat);
    if (state.heat && flow) showLegend(legend, told(), state.heat, amounts());
    else legend.hidden = true;
  };

  const mark = () => {
    const selected = touched(state.selected);
    const found = new Set([...state.found].flatMap((item) => [...touched(item)]));
    const most = greatest(amounts());
    for (const [part, element] of elements) {
      element.classList.toggle("selected", selected.has(part));
      element.classList.toggle("found", found.has(part));
      element.setAttribute("aria-selected", String(selected.has(part)));
      paint(element, state.heat && shade(part[state.heat.key], most, state.heat));
    }
  };

  const place = (item) => flow && flow.boxes.get([...touched(item)][0]);
  const itemOf = (part) => page.items[part.item];
  return {
    world, mark, place, refused: data.refused, label: `The network's ${name}`,
    look: () => aim(world, sight.view),
    show: async () => {
      if (!flow && data.drawing) {
        world.append(...data.drawing.map(build));
        flow = {
          boxes: new Map(parts.map((part) => [part, measured(elements.get(part))])),
          frames: new Map(),
          edges: data.links.map(([from, to]) => ({ edge: { from: parts[from], to: parts[to] } })),
        };
      }
      mark();
      tellLegend();
    },
    colour: async () => {
      mark();
      tellLegend();
    },
    fit: (readable) => flow && sight.fit(data, data.direction, { least: readable ? SMALLEST / smallest(data.drawing) : 0, most: NATURAL }),
    point: () => {},
    isOpen: () => false,
    isFolded: () => false,
    has: (item) => touched(item).size > 0,
    reveal: async (item) => {
      select(item);
      if (place(item)) sight.reveal(place(item));
    },
    step: (key) => {
      const next = flow && neighbour(chosen()[0] ?? null, key, flow, data.direction);
      return next && itemOf(next);
    },
    outwards: () => null,
    active: () => chosen()[0]?.id,
    itemAt: (element) => {
      const index = element?.closest("[data-part]")?.dataset.part;
      return index === undefined ? null : itemOf(parts[index]);
    },
    enter: () => state.selected && go(state.selected),
    doubled: go,
    part: (item) => {
      const own = [...touched(item)];
      return own.length === 1 ? own[0] : null;
    },
    told: (item) => item && [...touched(item)][0],
    file: () => {
      const found = state.heat ? told().map((entry) => ({ ...entry, swatch: swatch(legend, entry) })) : [];
      return pictureFile(world, data, { entries: found, heat: state.heat, most: greatest(amounts()) });
    },
  };
}

/** The size of the smallest letters in a drawing. */
function smallest(parts) {
  const sizes = ([, attributes, ...inner]) => [Number(attributes["font-size"] ?? Infinity), ...inner.filter(Array.isArray).flatMap(sizes)];
  return Math.min(...parts.flatMap(sizes));
}

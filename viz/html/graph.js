// The graph: which blocks are open, which runs of equal ones unfolded, and what follows when that changes.

import { plural } from "./wording.js";
import { around, atFirst, foldedAround, isGroup, MOST, opened, openBelow, runOf, seen } from "./model.js";
import { same } from "./address.js";
import { engine } from "./engine.js";
import { stacksOf } from "./stacks.js";
import { layOut } from "./layout.js";
import { onSheets } from "./sheets.js";
import { differences } from "./differences.js";
import { READABLE } from "./camera.js";
import { drawing } from "./draw.js";
import { entries, greatest, shade, share, showLegend, swatch } from "./heat.js";
import { neighbour } from "./keyboard.js";
import { asFile } from "./save.js";

/** The view of the graph. `state` is what all views share; `select` selects, `say` tells the reader. */
export function graphView(page, { canvas, legend, folder, state, sight, select, say }) {
  const ask = engine();
  let { open, unfolded } = atFirst(page);
  let layout = null;
  let shown = null;
  let most = 0;
  let heat = null; // that the layout has room for

  const decorate = (item, element) => {
    const isFound = (one) => state.found.has(one) || one.children.some(isFound);
    const closed = !open.has(item);
    element.classList.toggle("found", state.found.size > 0 && (closed ? [item, ...(item.run ?? [])].some(isFound) : state.found.has(item)));
    element.classList.toggle("selected", item === state.selected);
    element.setAttribute("aria-selected", String(item === state.selected));
    const colours = state.heat && closed ? shade(share(item, state.heat, unfolded), most, state.heat) : null;
    for (const [name, value] of Object.entries({ fill: colours?.fill, text: colours?.text, quiet: colours?.text })) {
      if (value) element.style.setProperty(`--${name}`, value);
      else element.style.removeProperty(`--${name}`);
    }
  };
  const draw = drawing(canvas, decorate);
  const room = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });
  const place = (item) => item && (layout?.boxes.get(item) ?? layout?.frames.get(item));

  /** Lays out what is open and shows it. A newer call makes an older one void. */
  let calls = 0;
  const arrange = async () => {
    const call = ++calls;
    canvas.setAttribute("aria-busy", "true");
    const now = seen(page, open, unfolded);
    now.stacks = stacksOf(now);
    let placed;
    try {
      placed = await layOut(ask, now, { ...page, heat: state.heat, sides: state.sides });
    } catch (error) {
      say(`this cannot be laid out: ${error.message}`);
      return false;
    }
    if (call !== calls) return false;
    heat = state.heat;
    [layout, shown, most] = [onSheets(placed, { ...page, sides: state.sides }), now, greatest(amounts(now.boxes))];
    draw.show(layout, { heat: state.heat, loose: shown.loose, unfolded, sides: state.sides });
    mark();
    tellLegend();
    canvas.removeAttribute("aria-busy");
    return true;
  };

  /** Arranges anew while one item stays where it is on the screen. */
  const arrangeAround = async (item) => {
    const before = place(item);
    if (!(await arrange())) return;
    const after = place(item);
    if (!before || !after) return;
    const middle = ({ x, width }) => x + width / 2;
    const { x, y, k } = sight.view;
    sight.move(x + (middle(before) - middle(after)) * k, y + (before.y - after.y) * k);
  };

  /** Shows the marks of what is selected, pointed at or found. */
  const mark = () => {
    draw.redecorate();
    draw.point(new Set([state.selected, state.hovered].filter(Boolean)));
    draw.look(sight.view, room());
  };

  const fit = (readable) => {
    const first = layout?.sheets[0].boxes[0]?.[1];
    if (first) sight.fit(layout, page.direction, { least: readable ? READABLE : 0, start: first });
  };
  const amounts = (boxes) => boxes.map((item) => share(item, state.heat, unfolded));
  const tellLegend = () => showLegend(legend, entries(shown, page, state.heat), state.heat, amounts(shown.boxes));

  /** Opens and unfolds what is around an item, and brings it into sight. */
  const reveal = async (item) => {
    const closed = around(item).filter((group) => !open.has(group));
    const folded = foldedAround(item, unfolded);
    for (const group of closed) open.add(group);
    for (const first of folded) unfolded.add(first);
    tellFold();
    if (closed.length || folded.length || !layout) await arrange();
    select(item);
    if (place(item)) sight.reveal(place(item), Math.max(sight.view.k, 0.8));
  };

  const toggle = async (item) => {
    if (!isGroup(item)) return;
    if (!open.delete(item)) open.add(item);
    await arrangeAround(item);
    keepSelected(item);
  };

  /** Unfolds the run of equal groups that an item is in, or folds it; without an item all of them. */
  const fold = async (item) => {
    const run = item && [item, ...around(item).toReversed()].map(runOf).find(Boolean);
    const firsts = run ? [run[0]] : page.items.filter((one) => one.run);
    if (!firsts.length) return say("no equal blocks follow one another");
    const next = new Set(unfolded);
    const unfold = !firsts.some((first) => unfolded.has(first));
    for (const first of firsts) unfold ? next.add(first) : next.delete(first);
    if (opened(page.root, open, next) > MOST) return say("too many to unfold while so many blocks are open");
    unfolded = next;
    await arrangeAround(run ? run[0] : state.selected);
    keepSelected(run?.[0]);
    tellFold();
    say(unfold ? "each of the equal blocks is shown" : "equal blocks are folded into one");
  };

  /** Selects another item where the one selected has gone out of sight. */
  const keepSelected = (item) => {
    if (!state.selected || place(state.selected)) return select(state.selected ?? item ?? null);
    select(place(item) ? item : (around(state.selected).toReversed().find(place) ?? null));
  };

  /** What the button for all runs would do. */
  const tellFold = () => (folder.textContent = unfolded.size ? "Fold" : "Unfold");

  const openAll = async () => {
    const below = openBelow(state.selected && isGroup(state.selected) ? state.selected : page.root, open, unfolded);
    open = below.open;
    await arrangeAround(state.selected);
    if (!state.selected) fit(true);
    say(below.all ? `${plural(shown.boxes.length, "item")} shown` : "too many to open all: the outer blocks are open");
  };

  const closeAll = async () => {
    [open, unfolded] = [new Set(), new Set()];
    tellFold();
    const outermost = state.selected && (around(state.selected)[0] ?? state.selected);
    await arrange();
    select(outermost);
    fit(true);
  };

  tellFold();
  return {
    world: draw.world, label: "Layers and blocks of the network", reveal, toggle, fold, openAll, closeAll, mark, place,
    look: () => layout && draw.look(sight.view, room()),
    show: async () => {
      canvas.classList.remove("far");
      if (layout && heat === state.heat) mark();
      else await arrange();
      tellLegend();
    },
    fit,
    point: () => draw.point(new Set([state.selected, state.hovered].filter(Boolean))),
    colour: () => arrangeAround(state.selected ?? shown.boxes[0]),
    turn: async () => {
      await arrange();
      fit(true);
      if (place(state.selected)) sight.reveal(place(state.selected));
    },
    differences: () => differences(page.root, unfolded),
    opened: () => ({ open, unfolded }),
    paths: () => ({ open: [...open].map(({ path }) => path), unfolded: [...unfolded].map(({ path }) => path) }),
    /** Opens and unfolds these and no others, once the view is shown; whether that changes anything. */
    reopen: (wanted) => {
      if (same(open, wanted.open) && same(unfolded, wanted.unfolded)) return false;
      [open, unfolded] = [new Set(wanted.open), new Set(wanted.unfolded)];
      layout = null;
      tellFold();
      return true;
    },
    isOpen: (item) => open.has(item),
    isFolded: (item) => !unfolded.has(item),
    has: () => true,
    step: (key) => layout && neighbour(place(state.selected) ? state.selected : null, key, layout.common, page.direction),
    outwards: () => (state.selected?.parent?.parent ? state.selected.parent : null),
    active: () => state.selected?.id,
    itemAt: (element) => page.items[element?.closest("[data-index]")?.dataset.index] ?? null,
    enter: () => state.selected && toggle(state.selected),
    doubled: toggle,
    part: () => null,
    told: (item) => (item && !open.has(item) ? item : null),
    file: () => {
      draw.look(null);
      const found = entries(shown, page, state.heat).map((entry) => ({ ...entry, swatch: swatch(legend, entry) }));
      return asFile(draw.world, layout, { title: page.title, entries: found, heat: state.heat, most });
    },
  };
}

// What the panel tells of two networks: what both cost, and what is known of an item in each.

import { html } from "./dom.js";
import { amount, extent } from "./wording.js";
import { isGroup } from "./model.js";
import { differences } from "./differences.js";

const MOST_LISTED = 60;
const SHORT_CELL = 24; // characters of a text that stands on one line

/** The costs of both networks, and what is no layer. */
export function bothNetworks({ difference }) {
  const rows = difference.costs.map((cells) => ({ cells, differs: cells[3] !== "" }));
  return [
    ...difference.notes.map((note) => html("p", {}, note)),
    table(["", ...difference.names, "change"], rows),
  ];
}

/** All that is known of an item in both; and of a group what differs in it. */
export function bothSides(item, page, link) {
  const { names } = page.difference;
  const rows = [...factsOf(item, page)].map((cells) => ({ cells, differs: !!item.a && !!item.b && cells[1] !== cells[2] }));
  const written = [item.a, item.b].filter((side) => side?.line).map(({ line: [place, line] }) => `${page.sources[place].file}:${line}`);
  const found = isGroup(item) ? differences(item, new Set()) : [];
  const listed = found.slice(0, MOST_LISTED).map((one) => html("li", {}, link(one, `${one.sign} ${one.path}`), ` ${inBrief(one)}`));
  return [
    table(["", ...names], rows),
    ...(written.length ? [html("p", {}, `written at ${[...new Set(written)].join(" and ")}`)] : []),
    ...(listed.length ? [html("h3", {}, "What differs in it"), html("ul", {}, ...listed)] : []),
    ...(found.length > MOST_LISTED ? [html("p", {}, `and ${found.length - MOST_LISTED} more`)] : []),
  ];
}

function* factsOf(item, page) {
  const sides = [item.a, item.b];
  const row = (what, say) => [what, ...sides.map((side) => (side && say(side)) ?? "")];
  const rows = (pairs) => pairs.filter(([, a, b]) => a || b);
  yield* rows([
    row("path", ({ label }) => label),
    row(isGroup(item) ? "block" : "operator", ({ title, call }) => (isGroup(item) ? call : title)),
    row("layers", ({ layers }) => layers?.toLocaleString("en")),
  ]);
  const settings = sides.map((side) => new Map(page.settings[side?.settings] ?? []));
  const names = new Set(settings.flatMap((one) => [...one.keys()]));
  for (const name of names) yield [name.replaceAll("_", " "), ...settings.map((one) => one.get(name) ?? "")];
  for (const [what, a, b] of item.changes ?? []) if (!names.has(what)) yield [what, a, b];
  yield* rows([
    row("output", ({ outputs }) => outputs?.join(", ")),
    ...page.difference.figures.map((figure) =>
      row(figure.name, (side) => (side[figure.key] === undefined ? "" : amount(side[figure.key], figure, true)))),
    row("receptive field", ({ field }) => (field === null || field?.length ? extent(field) : "")),
  ]);
}

/** How a layer differs, in one line. */
function inBrief(item) {
  return [item.title !== item.path ? item.title : "", ...(item.more ?? [])].filter(Boolean).join(", ");
}

function table(headings, rows) {
  const head = headings.map((text) => html("th", { scope: text ? "col" : null }, text));
  const line = ([what, ...cells]) => [html("th", { scope: "row" }, what), ...cells.map((cell) => html("td", { class: cell.length > SHORT_CELL ? null : "figure" }, cell))];
  return html(
    "table", {},
    html("thead", {}, html("tr", {}, ...head)),
    html("tbody", {}, ...rows.map(({ cells, differs }) => html("tr", { class: differs && "differs" }, ...line(cells)))),
  );
}

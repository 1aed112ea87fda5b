// The address of what is shown, behind the # of the page's own: `stages:layer1.0.conv2;open=layer1,layer2;unfold=layer1.1`.

import { around, atFirst, foldedAround, isGroup, openBelow } from "./model.js";

const ALL = "*";

/** What an item is called in an address: by its path, or by its place where it has none of its own. */
export function called(item, page) {
  return page.byPath.get(item.path) === item ? item.path : `~${item.index}`;
}

function named(text, page) {
  const item = text.startsWith("~") ? page.items[Number(text.slice(1))] : page.byPath.get(text);
  return item && isGroup(item) ? item : null;
}

/** What is open and unfolded where an address does not say so: what is at first, and in the graph around the selected item. */
function usual(view, chosen, page) {
  const item = view === "graph" ? chosen : null;
  const { open, unfolded } = atFirst(page);
  for (const group of item ? around(item) : []) open.add(group);
  for (const first of item ? foldedAround(item, unfolded) : []) unfolded.add(first);
  return { open, unfolded };
}

/** The text of an address: no more than what is not as it would be anyway. */
export function addressOf({ view, item, open, unfolded }, home, page) {
  const first = usual(view, item, page);
  const parts = [`${view === home ? "" : `${view}:`}${item ? escaped(called(item, page)) : ""}`];
  if (!same(open, first.open)) parts.push(`open=${same(open, all(unfolded, page)) ? ALL : listed(open, page)}`);
  if (!same(unfolded, first.unfolded)) parts.push(`unfold=${listed(unfolded, page)}`);
  return parts.length > 1 || parts[0] ? `#${parts.join(";")}` : "";
}

/** What an address asks for: a view, the path of an item, and what is open and unfolded. */
export function readAddress(text, home, page) {
  const [what, ...more] = text.replace(/^#/, "").split(";");
  const [, view = home, path] = /^(?:(graph|stages|volumes):)?(.*)$/.exec(decoded(what));
  const item = path.startsWith("~") ? page.items[Number(path.slice(1))] : page.byPath.get(path);
  const said = Object.fromEntries(more.map((part) => part.split("=")));
  const items = (list) => new Set(list.split(",").map((one) => named(decoded(one), page)).filter(Boolean));
  const first = usual(view, item, page);
  const unfolded = said.unfold === undefined ? first.unfolded : items(said.unfold);
  const open = said.open === undefined ? first.open : said.open === ALL ? all(unfolded, page) : items(said.open);
  return { view, path, item, open, unfolded };
}

/** All that can be open at once. */
function all(unfolded, page) {
  return openBelow(page.root, new Set(), unfolded).open;
}

export function same(one, other) {
  return one.size === other.size && [...one].every((item) => other.has(item));
}

function listed(items, page) {
  return [...items].map((item) => escaped(called(item, page))).join(",");
}

function escaped(text) {
  return encodeURI(text).replace(/[;,=#]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody wrote it by hand
  }
}

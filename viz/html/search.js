// Search by path, operator or block: a combobox whose list shows the best of what is found.

import { byId, html } from "./dom.js";
import { count, plural } from "./wording.js";
import { isGroup } from "./model.js";

const LISTED = 200;

/** The items that a text is found in: those whose path ends or begins with it first. */
export function find(items, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const rank = ({ path, title, label = "", op = "", call = "" }) => {
    const name = path.toLowerCase();
    if (name === wanted) return 0;
    if (name.endsWith(`.${wanted}`)) return 1;
    if (op.toLowerCase() === wanted) return 2;
    if (name.startsWith(wanted)) return 3;
    return [name, label, title, call].some((text) => text.toLowerCase().includes(wanted)) ? 4 : 5;
  };
  return items
    .filter((item) => item.path)
    .map((item) => [rank(item), item])
    .filter(([found]) => found < 5)
    .sort(([a, one], [b, other]) => a - b || one.index - other.index)
    .map(([, item]) => item);
}

/** Wires the search field: `mark` shows what is found while typing, `go` goes to one, `leave` back to the drawing. */
export function searchField(page, { mark, go, leave, say }) {
  const [field, list] = [byId("search"), byId("hits")];
  let found = [];
  let chosen = 0;

  const choose = (index) => {
    chosen = Math.max(0, Math.min(index, Math.min(found.length, LISTED) - 1));
    [...list.children].forEach((line, i) => line.setAttribute("aria-selected", String(i === chosen)));
    const line = list.children[chosen];
    field.setAttribute("aria-activedescendant", line?.id ?? "");
    line?.scrollIntoView({ block: "nearest" });
  };
  const open = (shown) => {
    list.hidden = !shown;
    field.setAttribute("aria-expanded", String(shown));
  };
  const pick = (item) => {
    open(false);
    leave();
    go(item);
  };
  const line = (item, i) => {
    const entry = html(
      "li", { id: `hit${i}`, role: "option", "aria-selected": "false" },
      html("span", {}, item.path), html("span", { class: "quiet" }, isGroup(item) ? (item.call ?? plural(item.layers, "layer")) : item.title),
    );
    entry.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      pick(item);
    });
    return entry;
  };

  field.addEventListener("input", () => {
    found = find(page.items, field.value);
    const more = found.length - LISTED;
    list.replaceChildren(...found.slice(0, LISTED).map(line), ...(more > 0 ? [html("li", { class: "more", role: "presentation" }, `and ${count(more)} more: write more of the name`)] : []));
    open(found.length > 0);
    choose(0);
    mark(new Set(found));
    if (field.value.trim()) say(found.length ? `${plural(found.length, "item")} found` : "nothing found");
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && found.length) pick(found[chosen]);
    else if (event.key === "Escape") {
      clear();
      leave();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  field.addEventListener("focus", () => open(found.length > 0));
  field.addEventListener("blur", () => open(false));
  const clear = () => {
    field.value = "";
    field.dispatchEvent(new Event("input"));
  };
  const focus = () => {
    field.focus();
    field.select();
  };
  return { focus, clear };
}

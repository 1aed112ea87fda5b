// Layers that stand on top of one another without an arrow between, as convolution, norm and activation do: those of a
// chain that keep its shape, by the rules of drawings (`viz/graph/stacking.py`).

const HIGHEST = 12; // layers
export const TOUCH = 2; // pixels between them

/** The stacks of what is seen, each a list of layers in the order of the data; every layer that stands alone is none. */
export function stacksOf({ boxes, edges }) {
  const [forks, joins, gives] = [new Map(), new Map(), new Map()];
  for (const { from, to, shapes, times } of edges) {
    forks.set(from, (forks.get(from) ?? 0) + times);
    joins.set(to, (joins.get(to) ?? 0) + times);
    gives.set(from, [...(gives.get(from) ?? []), ...shapes.map(shapeOf)]);
  }
  const continues = ({ from, to, shapes, crossing }) =>
    from.stacks && to.stacks && from.parent === to.parent && from.device === to.device && !crossing &&
    forks.get(from) === 1 && joins.get(to) === 1 && gives.has(to) && gives.get(to).every((shape) => shape === shapeOf(shapes[0]));
  const next = new Map(edges.filter(continues).map(({ from, to }) => [from, to]));
  const later = new Set(next.values());
  const found = [];
  for (const first of boxes) {
    if (later.has(first) || !next.has(first)) continue;
    const run = [first];
    while (next.has(run.at(-1))) run.push(next.get(run.at(-1)));
    for (let i = 0; i < run.length; i += HIGHEST) found.push(run.slice(i, i + HIGHEST));
  }
  return found.filter((stack) => stack.length > 1);
}

/** The shape in what is said of an edge, which may be followed by the bytes that cross from device to device. */
function shapeOf(said) {
  const end = said.lastIndexOf(", ");
  return end > said.lastIndexOf("]") ? said.slice(0, end) : said;
}

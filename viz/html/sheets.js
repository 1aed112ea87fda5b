// What is drawn of a layout: all of it on one sheet; or, of two networks, what each has on one of its own. Both sheets keep
// the places of the common layout, so that what corresponds is level.

const GAP = 46;
const ABOVE = 34;

/** A layout with its `sheets`; its boxes and frames are then at their places on the last sheet that has them. */
export function onSheets(layout, { sides, direction, difference }) {
  const common = { ...layout, edges: [...layout.edges, ...layout.inner] };
  const parts = { boxes: [...layout.boxes], frames: [...layout.frames], edges: layout.edges };
  if (sides.length < 2) return { ...layout, common, sheets: [{ ...parts, headings: [] }] };
  const down = direction === "down" || direction === "up";
  const found = { ...layout, common, boxes: new Map(), frames: new Map(), sheets: [] };
  let at = 0;
  sides.forEach((side, i) => {
    const boxes = parts.boxes.filter(([item]) => item[side]);
    const frames = parts.frames.filter(([item]) => item[side]?.label);
    const edges = parts.edges.filter(({ edge }) => !edge.side || edge.side === side);
    const [low, high] = reach([...boxes, ...frames].map(([, place]) => place), edges, down);
    const [dx, dy] = down ? [at - low, ABOVE] : [0, at - low + ABOVE];
    const move = ([item, place]) => [item, shifted(place, dx, dy)];
    const sheet = {
      side,
      boxes: boxes.map(move),
      frames: frames.map(move),
      edges: edges.map(({ edge, points }) => ({ edge, points: points.map((point) => shifted(point, dx, dy)), labels: [] })),
      headings: [{ text: difference.names[i], x: down ? at : 8, y: down ? 0 : at, width: 300, height: ABOVE - 8 }],
    };
    at += high - low + GAP + (down ? 0 : ABOVE);
    found.sheets.push(sheet);
    for (const kind of ["boxes", "frames"]) for (const [item, place] of sheet[kind]) found[kind].set(item, place);
  });
  const [long, wide] = [at - GAP, (down ? layout.height : layout.width) + (down ? ABOVE : 0)];
  return { ...found, width: down ? long : wide, height: down ? wide : long };
}

/** From where to where things reach, across the direction of the data. */
function reach(places, edges, down) {
  const points = edges.flatMap(({ points }) => points);
  const ends = down
    ? [...places.flatMap(({ x, width }) => [x, x + width]), ...points.map(({ x }) => x)]
    : [...places.flatMap(({ y, height }) => [y, y + height]), ...points.map(({ y }) => y)];
  if (!ends.length) return [0, 0];
  const room = 10; // for signs
  return [ends.reduce((a, b) => Math.min(a, b)) - room, ends.reduce((a, b) => Math.max(a, b)) + room];
}

function shifted(place, dx, dy) {
  return { ...place, x: place.x + dx, y: place.y + dy };
}

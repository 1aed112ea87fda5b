// Which open groups can be drawn as frames. Two that feed each other both ways cannot: whichever is drawn above the
// other, tensors would run upwards. Such a group is loose: its children stand in the group around it.

/** The open groups that are no frames, for edges between what is seen. */
export function looseGroups(root, open, edges) {
  const loose = new Set();
  const level = (group) => {
    let members = new Set(group.children);
    for (;;) {
      const knot = [...tangled(members, edges)].filter((item) => open.has(item));
      if (!knot.length) break;
      for (const item of knot) {
        loose.add(item);
        members.delete(item);
        for (const child of item.children) members.add(child);
      }
    }
    for (const item of members) if (open.has(item)) level(item);
  };
  level(root);
  return loose;
}

/** Members in a cycle of edges, or between two cycles: what is left when ends are taken off until there are none. */
function tangled(members, edges) {
  const links = [];
  for (const { from, to } of edges) {
    const [one, other] = [memberOf(from, members), memberOf(to, members)];
    if (one && other && one !== other) links.push([one, other]);
  }
  let left = new Set(members);
  for (;;) {
    const [starts, ends] = [new Set(), new Set()];
    for (const [one, other] of links) {
      if (!left.has(one) || !left.has(other)) continue;
      starts.add(one);
      ends.add(other);
    }
    const still = new Set([...left].filter((item) => starts.has(item) && ends.has(item)));
    if (still.size === left.size) return left;
    left = still;
  }
}

/** The closed groups among boxes that are fed by what they feed: drawn as one box, they would have edges against the flow. */
export function returning(boxes, edges) {
  const knot = tangled(new Set(boxes), edges);
  const next = new Map();
  for (const { from, to } of edges) if (knot.has(from) && knot.has(to)) next.set(from, [...(next.get(from) ?? []), to]);
  return [...knot].filter((box) => {
    if (!box.children.length) return false;
    const [seen, ahead] = [new Set(), [...(next.get(box) ?? [])]];
    while (ahead.length) {
      const at = ahead.pop();
      if (at === box) return true;
      if (seen.has(at)) continue;
      seen.add(at);
      ahead.push(...(next.get(at) ?? []));
    }
    return false;
  });
}

function memberOf(item, members) {
  for (let at = item; at; at = at.parent) if (members.has(at)) return at;
  return null;
}

// Unpacks .lzma files, in which a page is three quarters of what it is in gzip. After the specification of LZMA by Igor
// Pavlov (https://www.7-zip.org/sdk.html), which is in the public domain; names of probabilities are those of it.

/** The bytes that a file holds, whose header says how many they are. */
export function unpacked(data) {
  const settings = data[0];
  const [lc, lp, pb] = [settings % 9, Math.floor(settings / 9) % 5, Math.floor(settings / 45)];
  const view = new DataView(data.buffer, data.byteOffset);
  const size = view.getUint32(5, true);
  const out = new Uint8Array(size);
  let [range, code, at, to] = [0xffffffff, 0, 18, 0];
  for (let i = 14; i < 18; i++) code = ((code << 8) | data[i]) >>> 0;
  const even = (length) => new Uint16Array(length).fill(1024);
  const bit = (probabilities, index) => {
    const probability = probabilities[index];
    const bound = (range >>> 11) * probability;
    let found;
    if (code < bound) {
      range = bound;
      probabilities[index] = probability + ((2048 - probability) >>> 5);
      found = 0;
    } else {
      range -= bound;
      code -= bound;
      probabilities[index] = probability - (probability >>> 5);
      found = 1;
    }
    if (range < 0x1000000) {
      range = (range << 8) >>> 0;
      code = ((code << 8) | data[at++]) >>> 0;
    }
    return found;
  };
  const direct = (count) => {
    let found = 0;
    while (count--) {
      range >>>= 1;
      const one = code >= range ? 1 : 0;
      if (one) code -= range;
      if (range < 0x1000000) {
        range = (range << 8) >>> 0;
        code = ((code << 8) | data[at++]) >>> 0;
      }
      found = found * 2 + one;
    }
    return found;
  };
  const tree = (probabilities, bits, offset = 0) => {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | bit(probabilities, offset + node);
    return node - (1 << bits);
  };
  const reversed = (probabilities, bits, offset) => {
    let [node, found] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const one = bit(probabilities, offset + node);
      node = (node << 1) | one;
      found |= one << i;
    }
    return found;
  };
  const lengths = () => ({ choice: even(2), low: even(16 << 3), mid: even(16 << 3), high: even(256) });
  const length = (coder, position) => {
    if (!bit(coder.choice, 0)) return 2 + tree(coder.low, 3, position << 3);
    if (!bit(coder.choice, 1)) return 10 + tree(coder.mid, 3, position << 3);
    return 18 + tree(coder.high, 8);
  };
  const literals = even(0x300 << (lc + lp));
  const [isMatch, isRep, isRep0, isRep1, isRep2, isRep0Long] = [192, 12, 12, 12, 12, 192].map(even);
  const [slots, special, align] = [even(4 << 6), even(115), even(16)];
  const [first, again] = [lengths(), lengths()];
  let [state, r0, r1, r2, r3] = [0, 0, 0, 0, 0];
  while (to < size) {
    const position = to & ((1 << pb) - 1);
    if (!bit(isMatch, (state << 4) + position)) {
      const before = to ? out[to - 1] : 0;
      const offset = 0x300 * (((to & ((1 << lp) - 1)) << lc) + (before >> (8 - lc)));
      let symbol = 1;
      if (state >= 7) {
        let match = out[to - r0 - 1];
        do {
          const wanted = (match >> 7) & 1;
          match <<= 1;
          const one = bit(literals, offset + ((1 + wanted) << 8) + symbol);
          symbol = (symbol << 1) | one;
          if (wanted !== one) break;
        } while (symbol < 0x100);
      }
      while (symbol < 0x100) symbol = (symbol << 1) | bit(literals, offset + symbol);
      out[to++] = symbol;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let count;
    if (bit(isRep, state)) {
      if (!bit(isRep0, state)) {
        if (!bit(isRep0Long, (state << 4) + position)) {
          state = state < 7 ? 9 : 11;
          out[to] = out[to - r0 - 1];
          to++;
          continue;
        }
      } else if (!bit(isRep1, state)) {
        [r0, r1] = [r1, r0];
      } else if (!bit(isRep2, state)) {
        [r0, r1, r2] = [r2, r0, r1];
      } else {
        [r0, r1, r2, r3] = [r3, r0, r1, r2];
      }
      count = length(again, position);
      state = state < 7 ? 8 : 11;
    } else {
      [r1, r2, r3] = [r0, r1, r2];
      count = length(first, position);
      state = state < 7 ? 7 : 10;
      const slot = tree(slots, 6, Math.min(count - 2, 3) << 6);
      if (slot < 4) r0 = slot;
      else {
        const bits = (slot >> 1) - 1;
        r0 = (2 | (slot & 1)) * 2 ** bits;
        r0 += slot < 14 ? reversed(special, bits, r0 - slot) : direct(bits - 4) * 16 + reversed(align, 4, 0);
      }
      if (r0 === 0xffffffff) break;
    }
    for (let i = 0; i < count; i++, to++) out[to] = out[to - r0 - 1];
  }
  return out;
}

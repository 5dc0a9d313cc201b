// Chunks: the symbols that are sorted by table and decoded together. docs/FORMAT.md, "From heads to symbols".

import { CorruptFile } from "../format/errors.js";
import { Codings, MIRRORED, N_TABLES, RADII } from "../entropy/codings.js";

/** @typedef {import("../entropy/range_decoder.js").RangeDecoder} RangeDecoder */
/** @typedef {import("./bitstream.js").Bitstream} Bitstream */

const LIMIT = 32767;

/**
 * Reads the symbols of a chunk, in the order of their codings.
 * @param {RangeDecoder} decoder
 * @param {Bitstream} bitstream
 * @param {Codings} codings
 * @param {number} level Names the stream in an error.
 */
export function readChunk(decoder, bitstream, codings, level) {
  const { tables, means } = codings;
  const symbols = new Int32Array(tables.length);
  const { order, starts } = orderByTable(tables);
  const escapes = [];
  for (let table = 0; table < N_TABLES; table++) {
    const count = starts[table + 1] - starts[table];
    if (!count) continue;
    const entries = decoder.read(bitstream.tables[table], count);
    const radius = RADII[table];
    for (let k = 0; k < count; k++) {
      const i = order[starts[table] + k];
      const away = entries[k] - radius;
      if (away > radius) escapes.push(i);
      symbols[i] = means[i] + (tables[i] & MIRRORED ? -away : away);
    }
  }
  const values = decoder.read(bitstream.escape, escapes.length);
  escapes.forEach((i, k) => (symbols[i] = values[k] - 32768));
  if (symbols.some((symbol) => symbol > LIMIT || symbol < -LIMIT)) {
    throw new CorruptFile(`level ${level} holds a symbol outside 16 bits; the file was made by something else`);
  }
  return symbols;
}

/**
 * Returns a stable order of symbols by their table, and where the symbols of each table start in it.
 * @param {Uint8Array} tables With `MIRRORED` or without.
 */
function orderByTable(tables) {
  const starts = new Int32Array(N_TABLES + 1);
  for (const table of tables) starts[(table & ~MIRRORED) + 1]++;
  for (let table = 0; table < N_TABLES; table++) starts[table + 1] += starts[table];
  const next = starts.slice();
  const order = new Int32Array(tables.length);
  for (let i = 0; i < tables.length; i++) order[next[tables[i] & ~MIRRORED]++] = i;
  return { order, starts };
}

// From the network's heads to tables, means and signs. docs/FORMAT.md, "From heads to symbols".

export const N_SCALES = 39;
const N_FINE = 17; // scales with a table for each offset of the mean
export const N_TABLES = 3 * N_FINE + (N_SCALES - N_FINE);
const HEAD_LIMIT = 4095;
const FACTORS = Int32Array.from({ length: N_SCALES }, (_, i) => Math.round(2 ** (4.5 + i / 3)));

/** Of every table: it has entries for -radius..radius and one for an escape. */
export const RADII = Int32Array.from({ length: N_TABLES }, (_, table) => {
  const scale = table < 3 * N_FINE ? Math.floor(table / 3) : table - 2 * N_FINE;
  return Math.min(Math.ceil(10 * 2 ** (scale / 3 - 4.5)) + 2, 2048);
});

/** Added to the number of a table whose entries are mirrored. */
export const MIRRORED = 128;
const TABLE_OF = Uint8Array.from({ length: 4 * N_SCALES }, (_, key) => {
  const scale = key >> 2;
  const offset = [0, 1, -2, -1][key & 3]; // of the mean from the nearest whole one, in quarters
  if (scale >= N_FINE) return scale + 2 * N_FINE;
  return 3 * scale + Math.abs(offset) + (offset < 0 ? MIRRORED : 0);
});

/** How the symbols of a chunk are coded: of each the table, with `MIRRORED` for the sign -1, and the whole mean. */
export class Codings {
  /** @param {number} n */
  constructor(n) {
    this.tables = new Uint8Array(n);
    this.means = new Int32Array(n);
  }

  /**
   * Sets the coding of a symbol from what the network says of it.
   * @param {number} i
   * @param {number} meanHead In 1/32 of the scale.
   * @param {number} scaleHead
   * @param {number} prediction In quarter symbols.
   */
  set(i, meanHead, scaleHead, prediction) {
    const scale = Math.max(0, Math.min(N_SCALES - 1, (3 * scaleHead + 352) >> 5));
    const mean = Math.max(-HEAD_LIMIT, Math.min(HEAD_LIMIT, meanHead));
    const quarters = ((mean * FACTORS[scale] + 2048) >> 12) + prediction;
    this.tables[i] = TABLE_OF[4 * scale + (quarters & 3)];
    this.means[i] = (quarters + 2) >> 2;
  }

  /** Codes all symbols around 0 by the widest table. */
  setWidest() {
    this.tables.fill(N_TABLES - 1);
    return this;
  }
}

/**
 * How the symbols of some tiles are coded, listed by coefficient, then tile.
 * @param {Int32Array} head By tile: all means, then all scales.
 * @param {Int32Array | null} predicted By tile, quarter symbols.
 * @param {number} size Symbols of a tile.
 */
export function codingsOf(head, predicted, size) {
  const tiles = head.length / (2 * size);
  const codings = new Codings(size * tiles);
  for (let i = 0, to = 0; i < size; i++) {
    for (let tile = 0; tile < tiles; tile++, to++) {
      const from = 2 * size * tile + i;
      codings.set(to, head[from], head[from + size], predicted ? predicted[size * tile + i] : 0);
    }
  }
  return codings;
}

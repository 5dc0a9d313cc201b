// What a file changes of its generator: a few coefficients of directions. docs/FORMAT.md, "The adaptation".

import { CorruptFile } from "../format/errors.js";
import { storeTable, storeUniform } from "../entropy/tables.js";

/** @typedef {import("../kernel.js").Kernel} Kernel */
/** @typedef {import("../entropy/tables.js").Table} Table */
/** @typedef {{scale: number, coefficients: Int32Array}} Adaptation */
/** @typedef {{count: Table, field: Table, values: Table[]}} AdaptationTables */

/** No change. @type {Adaptation} */
export const NONE = { scale: 0, coefficients: new Int32Array(0) };

const DIRECTIONS = 64;
const RADIUS = 40;
const TOTAL = 2 ** 22;
const RATIOS = [1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]; // by spread, in 1/32
const UNIT_SCALE = 6; // the scale whose unit is 1

/**
 * Stores the tables of adaptations.
 * @param {Kernel} kernel
 * @returns {AdaptationTables}
 */
export function adaptationTables(kernel) {
  const count = [TOTAL / 2, ...Array(DIRECTIONS).fill(TOTAL / 2 / DIRECTIONS)];
  return {
    count: storeTable(kernel, count),
    field: storeUniform(kernel, 4),
    values: RATIOS.map((k) => storeTable(kernel, frequencies(k))),
  };
}

/**
 * The frequencies of coefficients -40..40, in whole numbers throughout.
 * @param {number} k
 */
export function frequencies(k) {
  const weights = Array.from({ length: 2 * RADIUS + 1 }, (_, i) => {
    const size = BigInt(Math.abs(i - RADIUS));
    return BigInt(k) ** size * 32n ** (BigInt(RADIUS) - size);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const counts = weights.map((weight) => Math.max(1, Number((weight * BigInt(TOTAL)) / total)));
  counts[RADIUS] += TOTAL - counts.reduce((sum, count) => sum + count, 0);
  return counts;
}

/**
 * Reads an adaptation from the beginning of a stream.
 * @param {import("../entropy/range_decoder.js").RangeDecoder} decoder
 * @param {AdaptationTables} tables
 * @returns {Adaptation}
 */
export function readAdaptation(decoder, tables) {
  const count = decoder.read(tables.count, 1)[0];
  if (!count) return NONE;
  const [scale, spread] = decoder.read(tables.field, 2);
  const coefficients = decoder.read(tables.values[spread], count).map((entry) => entry - RADIUS);
  if (!coefficients[count - 1]) {
    throw new CorruptFile("the adaptation is not written as an encoder writes it; the file was damaged");
  }
  return { scale, coefficients };
}

/**
 * Returns what an adaptation adds to gains and shifts of a generator: zeros for none.
 * @param {Adaptation} adaptation
 * @param {Float32Array} basis (directions, offsets)
 * @param {number} nOffsets
 */
export function offsetsOf({ scale, coefficients }, basis, nOffsets) {
  const offsets = new Float32Array(nOffsets);
  if (!basis.length) return offsets;
  const unit = 2 ** ((scale - UNIT_SCALE) / 2);
  for (let i = 0; i < nOffsets; i++) {
    let sum = 0;
    for (let k = 0; k < coefficients.length; k++) sum += coefficients[k] * basis[k * nOffsets + i];
    offsets[i] = unit * sum;
  }
  return offsets;
}
